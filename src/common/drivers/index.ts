export { type DriverContext, type DriverFactory, openCustomDriver } from './custom-driver.js';

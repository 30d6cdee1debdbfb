export { type DriverContext, type DriverFactory, openCustomDriver } from './custom-driver.js';
export { type DriverPlan, openDriver } from './open-driver.js';

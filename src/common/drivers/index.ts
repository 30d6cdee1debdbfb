export type { DriverContext, DriverFactory } from './custom-driver.js';
export { type DriverPlan, openDriver } from './open-driver.js';

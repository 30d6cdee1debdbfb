export { type BackplaneConfig, loadConfig, type LogLevel } from './config.js';
export { ConfigError } from './config.error.js';
export { describeConfig } from './describe-config.js';
export { ENVIRONMENT, type EnvironmentName, renderEnvironmentTable } from './environment.js';

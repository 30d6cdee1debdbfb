export { type BackplaneConfig, isProduction, loadConfig, type LogLevel } from './config.js';
export { ConfigError } from './config.error.js';
export { describeConfig } from './describe-config.js';
export { ENVIRONMENT, type EnvironmentName, renderEnvironmentTable } from './environment.js';
export { type EnvironmentVariable } from './environment-variable.js';
export { type TrustProxy } from './trust-proxy.js';

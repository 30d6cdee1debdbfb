export { JsonLogger, type JsonLoggerOptions } from './json-logger.js';

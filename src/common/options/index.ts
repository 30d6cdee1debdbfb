export { callable, duration, instance, parseOptions, positiveInteger } from './parse-options.js';

export { callable, duration, emitter, parseOptions, positiveInteger } from './parse-options.js';

export { CLOCK, type Clock, SystemClock } from './clock.js';
export { type Duration, formatDuration, parseDuration } from './duration.js';

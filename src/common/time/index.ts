export { CLOCK, type Clock, CLOCK_OVERRIDE, SystemClock } from './clock.js';
export { type Duration, formatDuration, parseDuration, toSeconds } from './duration.js';

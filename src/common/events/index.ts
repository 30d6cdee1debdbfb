export { type BackplaneEvents, type EventName, EventStream } from './event-stream.js';

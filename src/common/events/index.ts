export {
  type BackplaneEvent,
  type BackplaneEvents,
  type EventName,
  EventStream,
} from './event-stream.js';

import type { Delivery } from './pubsub.driver.js';

declare module '../../common/events/event-stream.js' {
  interface BackplaneEvents {
    /** `publish` resolved. */
    'pubsub.published': {
      readonly channel: string;
      readonly eventId: string;
      readonly delivery: Delivery;
    };
    /**
     * An event that `buffer` kept will never be sent: Redis is well, and refused it with `error`.
     * Handlers in this process had it.
     */
    'pubsub.lost': {
      readonly channel: string;
      readonly eventId: string;
      readonly error: unknown;
    };
    /** An event is handed to the handlers of one topic. */
    'pubsub.received': {
      readonly channel: string;
      readonly eventId: string;
      readonly handlers: number;
    };
    /** A handler threw, rejected, or did not settle in time; all others got the event. */
    'pubsub.handler_failed': {
      readonly channel: string;
      readonly eventId: string;
      /** Name of the function, or `Class.method`. */
      readonly handler: string;
      readonly reason: 'error' | 'timeout';
      readonly error: unknown;
    };
    /**
     * The subscription works again. Events of other processes may have been missed between `since`
     * (ms since the epoch; the last moment it was known to work) and now; `recent` has those
     * recorded.
     */
    'pubsub.gap': {
      readonly since: number;
      readonly durationMs: number;
      /** Channels and patterns that were subscribed to. */
      readonly topics: number;
    };
    /**
     * After a reconnect the server refused to renew subscriptions; `reason` is its word, such as
     * NOPERM.
     */
    'pubsub.refused': { readonly reason: string };
    /** A message that is no event of ours came on a channel; no handler got it. */
    'pubsub.malformed': { readonly channel: string };
    /** One event was not sent to an SSE client that does not read fast enough. */
    'pubsub.stream_dropped': { readonly channel: string };
  }
}

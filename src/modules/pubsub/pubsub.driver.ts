import type { DriverContext } from '../../common/drivers/index.js';
import type { EventDraft, PubSubEvent } from './envelope.js';

/** How far an event got. */
export type Delivery =
  /** The backend took it: recorded, and sent to every process that is subscribed. */
  | 'sent'
  /** Handlers in this process only. */
  | 'local'
  /**
   * Handlers in this process now, all others when Redis is back, if this process lives until then.
   */
  | 'buffered';

/** What became of a published event. */
export interface PublishOutcome {
  /** Identifies the event everywhere; a UUID. */
  readonly id: string;
  readonly channel: string;
  /** ms since the epoch by the clock of what took it. */
  readonly publishedAt: number;
  readonly backing: 'redis' | 'memory' | 'custom';
  readonly delivery: Delivery;
}

/** Which recorded events are wanted. */
export interface RecentQuery {
  /** `undefined`: of every channel. */
  readonly channel: string | undefined;
  /** A whole number of at least 1. */
  readonly limit: number;
}

/** A channel somebody uses. */
export interface ChannelSummary {
  readonly channel: string;
  /**
   * Of the latest event that is still recorded, in ms since the epoch; `undefined` when none is.
   */
  readonly lastPublishedAt: number | undefined;
  /** Processes with a handler for exactly this channel; handlers of patterns do not count. */
  readonly subscribers: number;
}

/** Channels listed at most, those with the latest events first. */
export const MAX_LISTED_CHANNELS = 1_000;

/** Injection token and contract of what sends and records events. */
export const PubSubDriver = Symbol('PubSubDriver');

/**
 * Sends events and records the latest ones. What is sent is what is recorded: an event is both, in
 * one atomic step, or neither.
 */
export interface PubSubDriver {
  /**
   * Sends and records one event. Events of a channel that one caller publishes one after the other
   * arrive, and are recorded, in that order.
   *
   * A lost reply means unknown: the event may have been sent; it is not sent after the caller
   * stopped waiting. Publishing the same draft again is then safe: it is not sent twice.
   */
  publish(draft: EventDraft): Promise<PublishOutcome>;

  /**
   * The latest events, newest first, at most the history's size. Events of one channel are in the
   * order in which they were sent; events of different channels in the same millisecond in no
   * particular one. Each caller gets objects of its own.
   */
  recent(query: RecentQuery): Promise<readonly PubSubEvent[]>;

  /**
   * Channels with recorded events (latest first) or with subscribers (by name), at most
   * `MAX_LISTED_CHANNELS`.
   *
   * @param only the caller wants this one, however many others there are; those may be left out
   */
  channels(only?: string): Promise<readonly ChannelSummary[]>;
}

/** What a driver of the application's own is made with. */
export interface PubSubDriverContext extends DriverContext {
  /**
   * The event that a draft becomes when it is taken, at `publishedAt` ms since the epoch. Plain
   * JSON.
   */
  readonly seal: (draft: EventDraft, publishedAt: number) => PubSubEvent;
  /**
   * Hands an event, of this process or another, to the handlers of this process, after the caller's
   * own synchronous work. Each event once: a call is a delivery. The driver is not told who listens
   * to what; it hands in the events of every channel.
   */
  readonly deliver: (event: PubSubEvent) => void;
  /** Channels with a handler of their own in this process. */
  readonly channels: () => readonly string[];
}

/** Order and bound of `channels()`, the same in every driver. */
export function listChannels(found: Iterable<ChannelSummary>): readonly ChannelSummary[] {
  const sorted = [...found].toSorted(
    (a, b) =>
      (b.lastPublishedAt ?? 0) - (a.lastPublishedAt ?? 0) || (a.channel < b.channel ? -1 : 1),
  );
  return sorted.slice(0, MAX_LISTED_CHANNELS);
}

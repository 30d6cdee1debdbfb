import type { PubSubEvent } from './envelope.js';
import type { ChannelSummary, Delivery, PublishOutcome } from './pubsub.driver.js';

/** A `PubSubEvent` in the body of an answer. */
export interface PubSubEventBody {
  readonly id: string;
  readonly channel: string;
  readonly payload: unknown;
  /** ms since the epoch. */
  readonly published_at: number;
  readonly origin: string;
}

/** A `PublishOutcome` in the body of an answer. */
export interface PublishOutcomeBody {
  readonly id: string;
  readonly channel: string;
  readonly published_at: number;
  readonly backing: PublishOutcome['backing'];
  readonly delivery: Delivery;
}

/** A `ChannelSummary` in the body of an answer. */
export interface ChannelBody {
  readonly channel: string;
  /** `null` when no event is recorded. */
  readonly last_published_at: number | null;
  readonly subscribers: number;
}

export function eventBodyOf(event: PubSubEvent): PubSubEventBody {
  const { id, channel, payload, publishedAt, origin } = event;
  return { id, channel, payload, published_at: publishedAt, origin };
}

export function outcomeBodyOf(outcome: PublishOutcome): PublishOutcomeBody {
  const { id, channel, publishedAt, backing, delivery } = outcome;
  return { id, channel, published_at: publishedAt, backing, delivery };
}

export function channelBodyOf(summary: ChannelSummary): ChannelBody {
  const { channel, lastPublishedAt = null, subscribers } = summary;
  return { channel, last_published_at: lastPublishedAt, subscribers };
}

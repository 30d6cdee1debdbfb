import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import { decodeEvent, type EventDraft, type PubSubEvent, seal } from '../envelope.js';
import {
  type ChannelSummary,
  listChannels,
  type PublishOutcome,
  type PubSubDriver,
  type RecentQuery,
} from '../pubsub.driver.js';

/** The handlers of this process. */
export interface LocalHandlers {
  deliver(event: PubSubEvent): void;
  /** Channels with a handler of their own. */
  channels(): readonly string[];
}

export interface MemoryPubSubDriverOptions {
  readonly clock: Clock;
  readonly local: LocalHandlers;
  readonly historySize: number;
  readonly historyTtlMs: number;
  /** Events of all channels kept at once; beyond it the oldest goes. */
  readonly maxMemoryEvents: number;
}

interface Recorded {
  readonly channel: string;
  readonly publishedAt: number;
  readonly text: string;
}

/**
 * Events in this process. Handlers run right after `publish` has recorded the event, before the caller
 * goes on, and outside its call stack.
 */
export class MemoryPubSubDriver implements PubSubDriver {
  readonly #options: MemoryPubSubDriverOptions;
  /** Oldest first. */
  #log: Recorded[] = [];

  constructor(options: MemoryPubSubDriverOptions) {
    this.#options = options;
  }

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const channel = checkKeyText(draft.channel, 'channel');
    const publishedAt = this.#options.clock.now();
    const text = seal(draft, publishedAt);
    this.#record({ channel, publishedAt, text });
    const event = decodeEvent(text);
    if (event !== undefined) queueMicrotask(() => this.#options.local.deliver(event));
    return { id: draft.id, channel, publishedAt, backing: 'memory', delivery: 'local' };
  }

  async recent({ channel, limit }: RecentQuery): Promise<readonly PubSubEvent[]> {
    if (channel !== undefined) checkKeyText(channel, 'channel');
    const wanted = Math.min(limit, this.#options.historySize);
    const found: PubSubEvent[] = [];
    for (const { text } of this.#newestFirst(channel)) {
      const event = decodeEvent(text);
      if (event !== undefined) found.push(event);
      if (found.length === wanted) break;
    }
    return found;
  }

  async channels(): Promise<readonly ChannelSummary[]> {
    const subscribed = new Set(this.#options.local.channels());
    const found = new Map<string, ChannelSummary>();
    const add = (channel: string, lastPublishedAt: number | undefined): void => {
      if (found.has(channel)) return;
      const subscribers = subscribed.has(channel) ? 1 : 0;
      found.set(channel, { channel, lastPublishedAt, subscribers });
    };
    for (const { channel, publishedAt } of this.#newestFirst()) add(channel, publishedAt);
    for (const channel of subscribed) add(channel, undefined);
    return listChannels(found.values());
  }

  /** Forgets all events. */
  clear(): void {
    this.#log = [];
  }

  /** Cuts off twice as much at half the price: the array moves once in `maxMemoryEvents` events. */
  #record(event: Recorded): void {
    const { maxMemoryEvents } = this.#options;
    this.#log.push(event);
    if (this.#log.length >= 2 * maxMemoryEvents) this.#log = this.#log.slice(-maxMemoryEvents);
  }

  *#newestFirst(channel?: string): Generator<Recorded> {
    const { clock, historyTtlMs, maxMemoryEvents } = this.#options;
    const horizon = clock.now() - historyTtlMs;
    const oldest = Math.max(0, this.#log.length - maxMemoryEvents);
    for (let at = this.#log.length - 1; at >= oldest; at -= 1) {
      const event = this.#log[at];
      if (event === undefined || event.publishedAt <= horizon) continue;
      if (channel === undefined || event.channel === channel) yield event;
    }
  }
}

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
import { EventLog, type Recorded } from './event-log.js';

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
  /** Bytes of their JSON; beyond it the oldest goes. */
  readonly maxMemoryBytes: number;
}

/**
 * Events in this process. Handlers run right after `publish` has recorded the event, before the
 * caller goes on, and outside its call stack.
 */
export class MemoryPubSubDriver implements PubSubDriver {
  readonly #options: MemoryPubSubDriverOptions;
  readonly #log: EventLog;

  constructor(options: MemoryPubSubDriverOptions) {
    this.#options = options;
    const { maxMemoryEvents: maxEvents, maxMemoryBytes: maxBytes } = options;
    this.#log = new EventLog({ maxEvents, maxBytes });
  }

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const { channel, publishedAt, text } = this.#stamp(draft);
    this.#log.add({ channel, publishedAt, text }, this.#horizon());
    return this.#deliver(draft, text, publishedAt);
  }

  /** As `publish`, for the handlers only: the event is not recorded. */
  async hand(draft: EventDraft): Promise<PublishOutcome> {
    const { publishedAt, text } = this.#stamp(draft);
    return this.#deliver(draft, text, publishedAt);
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

  async channels(only?: string): Promise<readonly ChannelSummary[]> {
    const subscribed = new Set(this.#options.local.channels());
    const found = new Map<string, ChannelSummary>();
    const add = (channel: string, lastPublishedAt: number | undefined): void => {
      if (found.has(channel) || (only !== undefined && channel !== only)) return;
      const subscribers = subscribed.has(channel) ? 1 : 0;
      found.set(channel, { channel, lastPublishedAt, subscribers });
    };
    for (const { channel, publishedAt } of this.#newestFirst(only)) add(channel, publishedAt);
    for (const channel of subscribed) add(channel, undefined);
    return listChannels(found.values());
  }

  /** Forgets all events. */
  clear(): void {
    this.#log.clear();
  }

  /** The event as of now, in the form that is recorded. */
  #stamp(draft: EventDraft): Recorded {
    const channel = checkKeyText(draft.channel, 'channel');
    const publishedAt = this.#options.clock.now();
    return { channel, publishedAt, text: seal(draft, publishedAt) };
  }

  #deliver({ id, channel }: EventDraft, text: string, publishedAt: number): PublishOutcome {
    const event = decodeEvent(text);
    if (event !== undefined) queueMicrotask(() => this.#options.local.deliver(event));
    return { id, channel, publishedAt, backing: 'memory', delivery: 'local' };
  }

  /** Events of this age or older are not shown. */
  #horizon(): number {
    return this.#options.clock.now() - this.#options.historyTtlMs;
  }

  *#newestFirst(channel?: string): Generator<Recorded> {
    const horizon = this.#horizon();
    for (const event of this.#log.newestFirst()) {
      const isWanted = channel === undefined || event.channel === channel;
      if (isWanted && event.publishedAt > horizon) yield event;
    }
  }
}

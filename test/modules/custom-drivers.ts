import type {
  ChannelSummary,
  EventDraft,
  PublishOutcome,
  PubSubDriver,
  PubSubDriverContext,
  PubSubEvent,
  RecentQuery,
} from '../../src/modules/pubsub/index.js';

/** The driver, noting the name of each method that is called. */
export function recording<Driver extends object>(driver: Driver, calls: string[]): Driver {
  return new Proxy(driver, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]): unknown => {
        calls.push(String(name));
        return Reflect.apply(value, target, args);
      };
    },
  });
}

/** The least that a pub/sub driver has to do, with what the module gives it. */
export class LogPubSubDriver implements PubSubDriver {
  readonly #context: PubSubDriverContext;
  readonly #log: PubSubEvent[] = [];

  constructor(context: PubSubDriverContext) {
    this.#context = context;
  }

  async publish(draft: EventDraft): Promise<PublishOutcome> {
    const publishedAt = this.#context.clock.now();
    const event = this.#context.seal(draft, publishedAt);
    this.#log.unshift(event);
    this.#context.deliver(event);
    const { id, channel } = draft;
    return { id, channel, publishedAt, backing: 'custom', delivery: 'sent' };
  }

  async recent({ channel, limit }: RecentQuery): Promise<readonly PubSubEvent[]> {
    const wanted = this.#log.filter((event) => channel === undefined || event.channel === channel);
    return structuredClone(wanted.slice(0, limit));
  }

  async channels(): Promise<readonly ChannelSummary[]> {
    const subscribed = this.#context.channels();
    return subscribed.map((channel) => ({ channel, lastPublishedAt: undefined, subscribers: 1 }));
  }
}

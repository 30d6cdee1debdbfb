import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InvalidOptionError } from '../../common/errors/index.js';
import { EventStream } from '../../common/events/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import { Dispatcher, type PubSubHandler } from './dispatcher.js';
import { createDraft, type PubSubEvent } from './envelope.js';
import { type ChannelSummary, type PublishOutcome, PubSubDriver } from './pubsub.driver.js';
import { PubSubClosedError } from './pubsub.errors.js';
import { PUBSUB_OPTIONS } from './pubsub.module-definition.js';
import type { ResolvedPubSubOptions } from './pubsub.options.js';
import { PubSubReceiver, type Topic, topicKey } from './pubsub.receiver.js';
import './pubsub.events.js';

/**
 * Ends a subscription when called, or at the end of an `await using` block. More than once is
 * harmless.
 */
export interface Subscription extends AsyncDisposable {
  (): Promise<void>;
}

/** Which recorded events `recent` gives. */
export interface RecentOptions {
  /** @default every channel */
  readonly channel?: string | undefined;
  /** At most the module's `historySize`. @default 50 */
  readonly limit?: number | undefined;
}

const DEFAULT_RECENT = 50;

/**
 * Events between processes: sent to every process that is subscribed at that moment, and recorded
 * for a while. Delivery is at most once; `recent` shows what was sent.
 *
 * @example
 * await using ended = await pubsub.subscribe<Order>('orders', (order) => index(order));
 * const { id, delivery } = await pubsub.publish('orders', { id: 7 });
 */
@Injectable()
export class PubSubService implements OnModuleDestroy {
  /** Identifies this instance as the `origin` of its events. */
  readonly origin = randomUUID();
  #isClosed = false;
  /** Topics whose first handler still waits for the backend; later ones wait with it. */
  readonly #subscribing = new Map<string, Promise<void>>();

  constructor(
    @Inject(PubSubDriver) private readonly driver: PubSubDriver,
    @Inject(PubSubReceiver) private readonly receiver: PubSubReceiver,
    @Inject(Dispatcher) private readonly dispatcher: Dispatcher,
    @Inject(PUBSUB_OPTIONS) private readonly options: ResolvedPubSubOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {}

  /**
   * Sends an event to all handlers of the channel, in this process and others, and records it. Does
   * not wait for handlers. The payload is what JSON makes of it.
   *
   * @throws InvalidOptionError for a wrong channel, or a payload without JSON or with too much of it
   * @throws PubSubBackendDownError while Redis is away, as `onRedisDown` says
   */
  async publish(channel: string, payload: unknown): Promise<PublishOutcome> {
    checkKeyText(channel, 'channel');
    const { origin } = this;
    const draft = createDraft({ channel, payload, origin }, this.options.maxPayloadBytes);
    const outcome = await this.driver.publish(draft);
    const { id: eventId, delivery } = outcome;
    this.events.emit('pubsub.published', { channel, eventId, delivery });
    return outcome;
  }

  /**
   * Calls `handler` with the payload of every event of the channel from now on. Resolves when
   * events arrive; while Redis is away after a bounded wait, and they arrive as soon as it is back.
   *
   * @throws InvalidOptionError for a wrong channel @throws PubSubClosedError during shutdown
   */
  async subscribe<T = unknown>(channel: string, handler: PubSubHandler<T>): Promise<Subscription> {
    return this.listen({ channel: checkKeyText(channel, 'channel') }, handler as PubSubHandler);
  }

  /**
   * The same for all channels that match: `*` any text, `?` one character, `\` takes the next
   * literally. A handler that is subscribed to a channel and to a pattern gets an event once for
   * each.
   */
  async subscribePattern<T = unknown>(
    pattern: string,
    handler: PubSubHandler<T>,
  ): Promise<Subscription> {
    return this.listen({ pattern: checkKeyText(pattern, 'pattern') }, handler as PubSubHandler);
  }

  /** As `subscribe`, for a topic of either kind. @param name the handler's, in events about it */
  async listen(
    topic: Topic,
    handler: PubSubHandler,
    name = handler.name || 'anonymous',
  ): Promise<Subscription> {
    if (this.#isClosed) throw new PubSubClosedError();
    const { isFirst, remove } = this.dispatcher.add(topic, handler, name);
    const end = async (): Promise<void> => {
      if (remove()) await this.receiver.unsubscribe(topic);
    };
    try {
      await this.#confirm(topic, isFirst);
    } catch (error) {
      remove();
      throw error;
    }
    return Object.assign(end, { [Symbol.asyncDispose]: end });
  }

  /**
   * The latest events, newest first, also those that were sent before this process was there. While
   * Redis is away: those published in this process since.
   *
   * @throws InvalidOptionError for a wrong channel or limit
   */
  async recent(options: RecentOptions = {}): Promise<readonly PubSubEvent[]> {
    const { historySize } = this.options;
    const { channel, limit = Math.min(DEFAULT_RECENT, historySize) } = options;
    if (channel !== undefined) checkKeyText(channel, 'channel');
    if (!Number.isInteger(limit) || limit < 1 || limit > historySize) {
      throw new InvalidOptionError('limit', `must be a whole number from 1 to ${historySize}`);
    }
    return this.driver.recent({ channel, limit });
  }

  /** Channels with recorded events, the latest first, and those with subscribers; at most 1000. */
  async channels(): Promise<readonly ChannelSummary[]> {
    return this.driver.channels();
  }

  /**
   * One channel; `undefined` when it has neither recorded events nor subscribers.
   *
   * @throws InvalidOptionError for a wrong channel
   */
  async channel(name: string): Promise<ChannelSummary | undefined> {
    const found = await this.driver.channels(checkKeyText(name, 'channel'));
    return found.find(({ channel }) => channel === name);
  }

  /** From here on no handler is called: what it works with is being closed. */
  onModuleDestroy(): void {
    this.#isClosed = true;
    this.dispatcher.close();
    this.receiver.close();
  }

  /**
   * The backend is asked for the first handler of a topic; others that come meanwhile wait with it.
   */
  async #confirm(topic: Topic, isFirst: boolean): Promise<void> {
    const key = topicKey(topic);
    if (!isFirst) return this.#subscribing.get(key);
    const subscribing = this.receiver.subscribe(topic);
    this.#subscribing.set(key, subscribing);
    try {
      await subscribing;
    } finally {
      if (this.#subscribing.get(key) === subscribing) this.#subscribing.delete(key);
    }
  }
}

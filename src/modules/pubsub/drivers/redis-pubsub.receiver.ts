import type { EventStream } from '../../../common/events/index.js';
import {
  type RedisClient,
  type RedisConnection,
  subscriberClient,
  SubscriptionLink,
} from '../../../common/redis/index.js';
import { decodeEvent, type PubSubEvent } from '../envelope.js';
import { type PubSubReceiver, type Topic, topicKey } from '../pubsub.receiver.js';
import '../pubsub.events.js';
import { WireNames } from './wire-names.js';

export interface RedisPubSubReceiverOptions {
  readonly deliverTo: (topicKey: string, event: PubSubEvent) => void;
  readonly events: EventStream;
  readonly heartbeatMs: number;
}

/** Longest wait for the server to confirm a subscription. */
const CONFIRM_MS = 1_000;

/** One Redis channel or pattern, for every topic that needs it. */
interface Wanted {
  readonly kind: 'channel' | 'pattern';
  readonly topics: Set<string>;
}

/**
 * Receives on the `subscriber` connection: one Redis subscription for each channel or pattern,
 * however many handlers it has. Several globs may need the same Redis pattern, which is coarser.
 */
export class RedisPubSubReceiver implements PubSubReceiver {
  readonly #client: RedisClient;
  readonly #isOurs: boolean;
  readonly #options: RedisPubSubReceiverOptions;
  readonly #names: WireNames;
  readonly #link: SubscriptionLink;
  readonly #wanted = new Map<string, Wanted>();

  constructor(connection: RedisConnection, options: RedisPubSubReceiverOptions) {
    const { client, isOurs } = subscriberClient(connection);
    this.#client = client;
    this.#isOurs = isOurs;
    this.#options = options;
    this.#names = new WireNames(connection.keys);
    this.#link = new SubscriptionLink(client, {
      heartbeatMs: options.heartbeatMs,
      resubscribe: () => this.#resubscribe(),
      restored: (downMs) => this.#reportGap(downMs),
    });
    client.on('message', this.#onMessage);
    client.on('pmessage', this.#onPatternMessage);
  }

  async subscribe(topic: Topic): Promise<void> {
    const wire = this.#wireOf(topic);
    const known = this.#wanted.get(wire);
    const wanted = known ?? { kind: kindOf(topic), topics: new Set() };
    wanted.topics.add(topicKey(topic));
    this.#wanted.set(wire, wanted);
    const asked = this.#ask(wanted.kind, wire);
    this.#link.start();
    try {
      await this.#confirmed(asked);
    } catch (error) {
      this.#forget(topic);
      throw error;
    }
  }

  async unsubscribe(topic: Topic): Promise<void> {
    const wire = this.#wireOf(topic);
    if (!this.#forget(topic)) return;
    const isChannel = 'channel' in topic;
    const asked = isChannel ? this.#client.unsubscribe(wire) : this.#client.punsubscribe(wire);
    // The server forgets it with the connection; until then its messages have nowhere to go.
    const settled = asked.catch(() => undefined);
    await answerWithin(settled, CONFIRM_MS);
  }

  /** The connection itself is closed by whoever opened it; what it still brings is for nobody. */
  close(): void {
    this.#link.stop();
    this.#wanted.clear();
    this.#client.off('message', this.#onMessage);
    this.#client.off('pmessage', this.#onPatternMessage);
    if (this.#isOurs) this.#client.disconnect();
  }

  readonly #onMessage = (wire: string, text: string): void => this.#receive(wire, wire, text);

  readonly #onPatternMessage = (pattern: string, wire: string, text: string): void =>
    this.#receive(pattern, wire, text);

  /** Resolves in time whatever happens; rejects only where the server refuses. */
  async #confirmed(asked: Promise<unknown>): Promise<void> {
    const answer = asked.then(
      () => true,
      (error: unknown) => {
        if (isRefusal(error)) throw error;
        return false;
      },
    );
    const isConfirmed = await answerWithin(answer, CONFIRM_MS);
    if (isConfirmed !== true) this.#link.lose();
  }

  #ask(kind: Wanted['kind'], wire: string): Promise<unknown> {
    return kind === 'channel' ? this.#client.subscribe(wire) : this.#client.psubscribe(wire);
  }

  /**
   * Each by itself: the server refuses a command as a whole for one channel that it does not allow.
   */
  #resubscribe(): void {
    for (const [wire, { kind }] of this.#wanted) {
      this.#ask(kind, wire).catch((error: unknown) => this.#reportRefusal(error));
    }
  }

  /** A connection that failed instead is noticed by the PING that follows. */
  #reportRefusal(error: unknown): void {
    if (!isRefusal(error)) return;
    const [reason = ''] = error.message.split(' ', 1);
    this.#options.events.emit('pubsub.refused', { reason });
  }

  /** Whether nobody needs its Redis subscription any more. */
  #forget(topic: Topic): boolean {
    const wire = this.#wireOf(topic);
    const wanted = this.#wanted.get(wire);
    if (!wanted?.topics.delete(topicKey(topic)) || wanted.topics.size > 0) return false;
    this.#wanted.delete(wire);
    if (this.#wanted.size === 0) this.#link.stop();
    return true;
  }

  #receive(subscribed: string, wire: string, text: string): void {
    const wanted = this.#wanted.get(subscribed);
    if (wanted === undefined) return;
    const channel = this.#names.decode(wire);
    for (const key of wanted.topics) {
      // Each decodes for itself: what one handler does to an event is not seen by another.
      const event = decodeEvent(text);
      if (event === undefined || event.channel !== channel) {
        this.#options.events.emit('pubsub.malformed', { channel: channel ?? wire });
        return;
      }
      this.#options.deliverTo(key, event);
    }
  }

  #reportGap(durationMs: number): void {
    const topics = [...this.#wanted.values()].reduce((sum, wanted) => sum + wanted.topics.size, 0);
    this.#options.events.emit('pubsub.gap', {
      since: Date.now() - durationMs,
      durationMs,
      topics,
    });
  }

  #wireOf(topic: Topic): string {
    return 'channel' in topic
      ? this.#names.channel(topic.channel)
      : this.#names.pattern(topic.pattern);
  }
}

function kindOf(topic: Topic): Wanted['kind'] {
  return 'channel' in topic ? 'channel' : 'pattern';
}

/** The server's own words, such as NOPERM; anything else is about the connection. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function answerWithin<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms).unref();
    work.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

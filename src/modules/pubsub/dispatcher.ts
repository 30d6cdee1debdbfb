import { AsyncResource } from 'node:async_hooks';
import type { EventStream } from '../../common/events/index.js';
import { compileGlob } from '../../common/redis/index.js';
import { copyOf, type PubSubEvent } from './envelope.js';
import type { OnceGuard } from './once-guard.js';
import { type Topic, topicKey } from './pubsub.receiver.js';
import './pubsub.events.js';

/**
 * Called with the payload and the whole event. What it returns is not used, but watched if a
 * promise.
 */
export type PubSubHandler<T = unknown> = (payload: T, event: PubSubEvent<T>) => unknown;

/** One handler of one topic. */
interface Registration {
  readonly handler: PubSubHandler;
  readonly name: string;
}

interface TopicEntry {
  readonly topic: Topic;
  readonly accepts: (channel: string) => boolean;
  readonly handlers: Set<Registration>;
}

export interface DispatcherOptions {
  readonly events: EventStream;
  readonly once: OnceGuard;
  readonly handlerTimeoutMs: number;
}

/**
 * The handlers of this process. Every handler of a topic gets every event of it once, in the order
 * in which they come, and an event of its own. Calls are not waited for: a handler that throws,
 * rejects or never settles is reported and keeps nothing from the others, so calls of an async one
 * may overlap.
 *
 * Handlers run outside the request that published: they do not spend its Redis budget.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #topics = new Map<string, TopicEntry>();
  readonly #scope = new AsyncResource('BackplanePubSubDispatcher');

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * Whether it is the first of its topic, and the function that removes it (`true`: it was the
   * last).
   */
  add(topic: Topic, handler: PubSubHandler, name: string) {
    const key = topicKey(topic);
    const entry = this.#topics.get(key) ?? createEntry(topic);
    const registration: Registration = { handler, name };
    this.#topics.set(key, entry);
    entry.handlers.add(registration);
    const remove = (): boolean => {
      if (!entry.handlers.delete(registration) || entry.handlers.size > 0) return false;
      this.#topics.delete(key);
      return true;
    };
    return { isFirst: entry.handlers.size === 1, remove };
  }

  /** Hands an event to the handlers of every topic it belongs to. */
  deliver(event: PubSubEvent): void {
    for (const [key, { accepts }] of this.#topics) {
      if (accepts(event.channel)) this.deliverTo(key, copyOf(event));
    }
  }

  /** Hands an event to the handlers of one topic, if it belongs there and they have not had it. */
  deliverTo(key: string, event: PubSubEvent): void {
    const entry = this.#topics.get(key);
    if (entry === undefined || !entry.accepts(event.channel)) return;
    if (!this.#options.once.claim(event.id, key)) return;
    const { id: eventId, channel } = event;
    this.#options.events.emit('pubsub.received', {
      channel,
      eventId,
      handlers: entry.handlers.size,
    });
    this.#scope.runInAsyncScope(() => this.#callAll(entry, event));
  }

  /** Channels with a handler of their own. */
  channels(): readonly string[] {
    return [...this.#topics.values()].flatMap(({ topic }) =>
      'channel' in topic ? [topic.channel] : [],
    );
  }

  /** Calls no handler any more. */
  close(): void {
    for (const { handlers } of this.#topics.values()) handlers.clear();
    this.#topics.clear();
  }

  #callAll({ handlers }: TopicEntry, event: PubSubEvent): void {
    const copies = [...handlers].map((registration, index) => ({
      registration,
      own: index === 0 ? event : copyOf(event),
    }));
    for (const { registration, own } of copies) {
      // One of the handlers before may have ended it.
      if (handlers.has(registration)) this.#call(registration, own);
    }
  }

  #call({ handler, name }: Registration, event: PubSubEvent): void {
    const { id: eventId, channel } = event;
    const report = (reason: 'error' | 'timeout', error?: unknown): void =>
      this.#options.events.emit('pubsub.handler_failed', {
        channel,
        eventId,
        handler: name,
        reason,
        error,
      });
    try {
      const result = handler(event.payload, event);
      if (isThenable(result)) this.#watch(Promise.resolve(result), report);
    } catch (error) {
      report('error', error);
    }
  }

  /** Reports a failure once: a promise that rejects after its time was reported already. */
  #watch(
    work: Promise<unknown>,
    report: (reason: 'error' | 'timeout', error?: unknown) => void,
  ): void {
    let isOpen = true;
    const settle = (reason?: 'error' | 'timeout', error?: unknown): void => {
      clearTimeout(timer);
      if (isOpen && reason !== undefined) report(reason, error);
      isOpen = false;
    };
    const timer = setTimeout(() => settle('timeout'), this.#options.handlerTimeoutMs).unref();
    work.then(
      () => settle(),
      (error: unknown) => settle('error', error),
    );
  }
}

function createEntry(topic: Topic): TopicEntry {
  const accepts =
    'channel' in topic
      ? (channel: string) => channel === topic.channel
      : compileGlob(topic.pattern);
  return { topic, accepts, handlers: new Set() };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'then') === 'function';
}

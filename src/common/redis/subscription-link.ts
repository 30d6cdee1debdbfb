import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { RedisClient } from './client-factory.js';
import { withDeadline } from './deadline.js';
import { receivingNode } from './subscriber-client.js';

export interface SubscriptionLinkOptions {
  /**
   * How often the connection is asked for a sign of life, and how long it may take to give one or,
   * when it is new, to greet us.
   */
  readonly heartbeatMs: number;
  /** Asks for every subscription again on a connection that may have none; must not wait. */
  readonly resubscribe: () => void;
  /** It works again. `downMs`: since it was last known to work. */
  readonly restored: (downMs: number) => void;
}

/** How soon a lost connection is looked at again. */
const RETRY_MS = 50;

/**
 * Watches over the connection that receives. Silence is normal there, so a frozen server or a
 * swallowed packet would never show: a PING on the same socket is the sign of life. It also proves
 * that what was subscribed to before it is in force, because a server answers in order.
 *
 * Lost means: closed, replaced by ioredis, or no answer. Then the socket is given up, subscriptions
 * are asked for again on the next one, and the first answer after that ends the gap.
 */
export class SubscriptionLink {
  readonly #client: RedisClient;
  readonly #options: SubscriptionLinkOptions;
  #node: Redis | undefined;
  #isLost = false;
  /**
   * Grows with each loss, also with one that follows another: what was asked for before it is void.
   */
  #losses = 0;
  #isStopped = true;
  #isLooking = false;
  #provedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: RedisClient, options: SubscriptionLinkOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * `performance.now()` at which it was known to work last: all that was sent before has arrived. It
   * is taken to work when the watch begins. `-Infinity` while it is lost, or is not watched.
   */
  get provedAt(): number {
    return this.#isLost || this.#isStopped ? -Infinity : this.#provedAt;
  }

  /** Begins to watch, if it does not yet. */
  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#losses += 1;
    this.#isLost = false;
    this.#provedAt = performance.now();
    this.#adopt(receivingNode(this.#client));
    this.#schedule(this.#options.heartbeatMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#adopt(undefined);
  }

  /** Something that was sent may not arrive from now on. */
  lose(): void {
    if (this.#isStopped) return;
    this.#losses += 1;
    if (this.#isLost) return;
    this.#isLost = true;
    this.#schedule(RETRY_MS);
  }

  readonly #onClose = (): void => this.lose();

  readonly #onReady = (): void => {
    if (this.#isLost) this.#schedule(0);
  };

  #adopt(node: Redis | undefined): void {
    this.#node?.off('close', this.#onClose).off('ready', this.#onReady);
    this.#node = node;
    node?.on('close', this.#onClose).on('ready', this.#onReady);
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  /** One at a time: a look that is under way plans the next one itself. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#followNode();
    const node = this.#node;
    if (node !== undefined && isUsable(node)) await this.#prove(node);
    else {
      this.lose();
      if (node?.status === 'connect') await this.#awaitGreeting(node);
    }
    this.#isLooking = false;
    this.#schedule(this.#isLost ? RETRY_MS : this.#options.heartbeatMs);
  }

  /** Whoever accepts a connection and then says nothing would be waited for by ioredis for ever. */
  async #awaitGreeting(node: Redis): Promise<void> {
    const over = new AbortController();
    const signs = ['ready', 'close'].map((event) => once(node, event, { signal: over.signal }));
    try {
      await withDeadline(Promise.race(signs), this.#options.heartbeatMs);
    } catch {
      if (!this.#isStopped) node.disconnect(node === this.#client);
    } finally {
      over.abort();
    }
  }

  /** In a cluster ioredis goes to another node by itself, and says nothing. */
  #followNode(): void {
    const node = receivingNode(this.#client);
    if (node === this.#node) return;
    const isReplaced = this.#node !== undefined;
    this.#adopt(node);
    if (isReplaced) this.lose();
  }

  async #prove(node: Redis): Promise<void> {
    const wasLost = this.#isLost;
    const losses = this.#losses;
    if (wasLost) this.#options.resubscribe();
    const askedAt = performance.now();
    try {
      await withDeadline(node.ping(), this.#options.heartbeatMs);
    } catch {
      // Whatever the reason, the socket is of no use any more.
      this.lose();
      if (!this.#isStopped) node.disconnect(node === this.#client);
      return;
    }
    if (this.#isStopped || this.#node !== node || this.#losses !== losses) return;
    const downMs = askedAt - this.#provedAt;
    this.#provedAt = askedAt;
    this.#isLost = false;
    if (wasLost) this.#options.restored(Math.max(1, Math.round(downMs)));
  }
}

/** `wait`: of a cluster, it connects with the first command. */
function isUsable(node: Redis): boolean {
  return node.status === 'ready' || node.status === 'wait';
}

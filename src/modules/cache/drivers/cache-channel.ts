import { randomBytes } from 'node:crypto';
import {
  type CallBounds,
  type RedisClient,
  type RedisConnection,
  subscriberClient,
  SubscriptionLink,
} from '../../../common/redis/index.js';
import type { CacheChange, CacheChanges } from '../cache.driver.js';
import { CACHE_ENTRY } from '../cache.keys.js';

/**
 * How often the connection is asked for a sign of life: copies are used for at most twice as long
 * after a gap that nothing shows.
 */
const HEARTBEAT_MS = 500;
const ORIGIN_BYTES = 12;

/** What is told: by whom, and what was changed. */
interface Message {
  readonly origin: string;
  readonly change: CacheChange;
}

/**
 * Where processes tell each other what they change in the cache: one Redis channel, subscribed to
 * with the first listener. Redis sends what a connection is subscribed to in order and forgets what
 * cannot be sent, so the changes are complete as long as one and the same connection works.
 *
 * In a cluster that is so of each node by itself only: what another node publishes comes over the
 * bus between them, which drops it without a sign while the link of the two is down. A copy may
 * outlive such a change, until its own time is over.
 */
export class CacheChannel implements CacheChanges {
  readonly name: string;
  readonly #origin = randomBytes(ORIGIN_BYTES).toString('base64url');
  readonly #connection: RedisConnection;
  readonly #listeners: ((change: CacheChange) => void)[] = [];
  #receiving: { readonly link: SubscriptionLink; stop(): void } | undefined;
  #isSubscribed = false;
  #isClosed = false;
  #gaps = 0;
  #isRefused = false;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.name = `${connection.keys.root(CACHE_ENTRY)}changes`;
  }

  get isComplete(): boolean {
    if (!this.#isSubscribed || this.#receiving === undefined) return false;
    if (!this.#connection.gate.isClosed) return false;
    return performance.now() - this.#receiving.link.provedAt <= 2 * HEARTBEAT_MS;
  }

  get gaps(): number {
    return this.#gaps;
  }

  onChange(listener: (change: CacheChange) => void): void {
    this.#listeners.push(listener);
    if (this.#receiving === undefined && !this.#isClosed) this.#receive();
  }

  /** What is to be published of a change that this process makes. */
  messageOf(change: CacheChange): string {
    return JSON.stringify({ origin: this.#origin, change } satisfies Message);
  }

  /** Tells of a change that this process has made by several calls. */
  async publish(change: CacheChange, bounds: CallBounds): Promise<void> {
    const text = this.messageOf(change);
    await this.#connection.command(async (client) => {
      try {
        await client.publish(this.name, text);
      } catch (error) {
        if (!isForbidden(error)) throw error;
        this.refused(error.message);
      }
    }, bounds);
  }

  /** What was made is made, though this user may not tell of it: that is said once. */
  readonly refused = (refusal: string | undefined): void => {
    if (refusal === undefined || this.#isRefused) return;
    this.#isRefused = true;
    const text = `Redis lets this user tell of no changes of the cache (${refusal}), so other processes may serve copies of what was changed until their time is over: grant it the channel with &${this.name}`;
    process.emitWarning(text, 'BackplaneCacheWarning');
  };

  /** Called by Nest. The connection itself is closed by whoever opened it. */
  onApplicationShutdown(): void {
    this.#isClosed = true;
    this.#isSubscribed = false;
    this.#receiving?.stop();
  }

  #receive(): void {
    const { client, isOurs } = subscriberClient(this.#connection);
    client.on('message', this.#onMessage);
    const link = new SubscriptionLink(client, {
      heartbeatMs: HEARTBEAT_MS,
      resubscribe: () => void this.#subscribe(client),
      restored: this.#reopened,
    });
    const stopAfterOutages = this.#connection.gate.onRecovered(this.#reopened);
    const stop = (): void => {
      stopAfterOutages();
      link.stop();
      client.off('message', this.#onMessage);
      if (isOurs) client.disconnect();
    };
    this.#receiving = { link, stop };
    link.start();
    void this.#subscribe(client).then((isSubscribed) => {
      if (!isSubscribed) link.lose();
    });
  }

  /** A sign of life alone does not tell that the server granted the subscription. */
  async #subscribe(client: RedisClient): Promise<boolean> {
    this.#isSubscribed = false;
    const isSubscribed = await subscribe(client, this.name);
    if (this.#isClosed) return false;
    this.#isSubscribed = isSubscribed;
    this.#reopened();
    return isSubscribed;
  }

  readonly #reopened = (): void => {
    this.#gaps += 1;
  };

  readonly #onMessage = (channel: string, text: string): void => {
    if (channel !== this.name) return;
    const message = parse(text);
    if (message === undefined) {
      // Somebody else's, or a later version's: whatever it says may be about what is copied here.
      this.#gaps += 1;
      return;
    }
    if (message.origin === this.#origin) return;
    for (const listener of this.#listeners) listener(message.change);
  };
}

/**
 * A connection that failed is tried again by the link. A user that may not subscribe is told to
 * whoever runs the application: no copies are used then.
 */
async function subscribe(client: RedisClient, name: string): Promise<boolean> {
  try {
    await client.subscribe(name);
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') {
      const [reason = ''] = error.message.split(' ', 1);
      const text = `Redis refuses the channel of the cache (${reason}), so no copies are kept in the process`;
      process.emitWarning(text, 'BackplaneCacheWarning');
    }
    return false;
  }
}

/** The user may not, as opposed to: the server cannot now. */
function isForbidden(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('NOPERM');
}

function parse(text: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return isMessage(message) ? message : undefined;
  } catch {
    // No JSON: not one of ours.
    return undefined;
  }
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const change: unknown = Reflect.get(value, 'change');
  return typeof change === 'object' && change !== null && isChange(change);
}

function isChange(change: object): boolean {
  const { keys, pattern, purged, kind }: Partial<Record<string, unknown>> = { ...change };
  if (keys !== undefined) return areTexts(keys);
  if (pattern !== undefined) return typeof pattern === 'string';
  return (purged === 'everything' || areTexts(purged)) && (kind === 'hard' || kind === 'soft');
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

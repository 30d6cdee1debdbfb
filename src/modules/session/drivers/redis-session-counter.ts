import { type RedisConnection, SURVEY } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { RedisSessionKeys } from './redis-session-keys.js';
import { SESSION_COUNT } from './scripts/session-count.lua.js';

const BUCKETS_PER_SCRIPT = 1_024;
const BUCKETS_AT_ONCE = 256;

/**
 * Counts the live sessions over all buckets. On one server in four calls of about 0.5 ms; in a
 * cluster every bucket is a slot of its own and is asked for by itself, about 50 ms in all.
 */
export class RedisSessionCounter {
  readonly #connection: RedisConnection;
  readonly #keys: RedisSessionKeys;
  #liveKeys: readonly string[] | undefined;
  readonly #clock: Clock | undefined;

  constructor(connection: RedisConnection, keys: RedisSessionKeys, clock: Clock | undefined) {
    this.#connection = connection;
    this.#keys = keys;
    this.#clock = clock;
  }

  async count(): Promise<number> {
    const isCluster = this.#connection.topology === 'cluster';
    const now = isCluster ? await this.#now() : 0;
    const step = isCluster ? BUCKETS_AT_ONCE : BUCKETS_PER_SCRIPT;
    const all = (this.#liveKeys ??= this.#keys.live());
    let total = 0;
    for (let at = 0; at < all.length; at += step) {
      const keys = all.slice(at, at + step);
      total += await (isCluster ? this.#countEach(keys, now) : this.#countTogether(keys));
    }
    return total;
  }

  #countTogether(keys: readonly string[]): Promise<number> {
    const call = { ...SURVEY, keys, args: undefined, clock: this.#clock };
    return this.#connection.script(SESSION_COUNT, call);
  }

  #countEach(keys: readonly string[], now: number): Promise<number> {
    return this.#connection.command(async (client) => {
      const counts = await Promise.all(keys.map((key) => client.zcount(key, `(${now}`, '+inf')));
      return counts.reduce((sum, count) => sum + count, 0);
    }, SURVEY);
  }

  /** Of one node: the others' clocks differ by less than matters for a count. */
  async #now(): Promise<number> {
    if (this.#clock !== undefined) return this.#clock.now();
    const [seconds, micros] = await this.#connection.command((client) => client.time(), SURVEY);
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}

import type { KeyFamily, RedisConnection } from '../../../common/redis/index.js';
import { KeyDeletion } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type { CacheDriver } from '../cache.driver.js';
import { CACHE_ENTRY } from '../cache.keys.js';
import { CACHE_SET } from './scripts/cache-set.lua.js';

export interface RedisCacheDriverOptions {
  /** Longest wait for one call; for each step of `deleteMatching`. */
  readonly deadlineMs: number;
}

/** Entries in Redis, one string each. */
export class RedisCacheDriver implements CacheDriver {
  readonly #connection: RedisConnection;
  readonly #options: RedisCacheDriverOptions;
  readonly #deletion: KeyDeletion;
  readonly #family: KeyFamily = CACHE_ENTRY;

  constructor(connection: RedisConnection, options: RedisCacheDriverOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#deletion = new KeyDeletion(connection, this.#family, options);
  }

  async get(key: string): Promise<Buffer | undefined> {
    const name = this.#name(key);
    const bytes = await this.#connection.command((client) => client.getBuffer(name), this.#options);
    return bytes ?? undefined;
  }

  async remainingMs(key: string): Promise<number | undefined> {
    const name = this.#name(key);
    const ms = await this.#connection.command((client) => client.pttl(name), this.#options);
    return ms < 0 ? undefined : ms;
  }

  async set(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    const args = { bytes, ttlMs: parseDuration(ttlMs, 'ttlMs') };
    await this.#connection.script(CACHE_SET, { keys: this.#name(key), args, ...this.#options });
  }

  delete(keys: readonly string[]): Promise<number> {
    return this.#deletion.delete(keys);
  }

  deleteMatching(pattern: string): Promise<number> {
    return this.#deletion.deleteMatching(pattern);
  }

  #name(key: string): string {
    return this.#connection.keys.key(this.#family, key);
  }
}

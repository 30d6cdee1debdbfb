import { KeyDeletion, type RedisConnection } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type { NewEntry } from '../cache.driver.js';
import { CACHE_MANAGER_ENTRY } from '../cache.keys.js';
import { boundsOf, type StoreBounds } from '../drivers/entry-store.js';
import type { ByteStore } from './byte-store.js';

/** What is used of the store. Its published type extends one that cache-manager 7 no longer has. */
export interface IoredisYetStore {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
}

/**
 * The store of `cache-manager-ioredis-yet` behind our contract: its reads and writes, on the shared
 * client, under our keys and through our gate. Its `reset` (FLUSHDB) and `keys` (KEYS) are never
 * called; clearing stays inside the namespace.
 */
export class IoredisYetByteStore implements ByteStore {
  readonly #store: IoredisYetStore;
  readonly #connection: RedisConnection;
  readonly #bounds: StoreBounds;
  readonly #deletion: KeyDeletion;

  constructor(
    store: IoredisYetStore,
    connection: RedisConnection,
    { deadlineMs }: { readonly deadlineMs: number },
  ) {
    this.#store = store;
    this.#connection = connection;
    this.#bounds = boundsOf(deadlineMs);
    this.#deletion = new KeyDeletion(connection, CACHE_MANAGER_ENTRY, this.#bounds.writes);
  }

  async get(key: string): Promise<Buffer | undefined> {
    const name = this.#name(key);
    const text = await this.#connection.command(() => this.#store.get(name), this.#bounds.reads);
    return typeof text === 'string' ? Buffer.from(text) : undefined;
  }

  async set(key: string, { bytes, ttlMs }: Pick<NewEntry, 'bytes' | 'ttlMs'>): Promise<void> {
    const name = this.#name(key);
    const text = bytes.toString();
    const ttl = parseDuration(ttlMs, 'ttlMs');
    await this.#connection.command(() => this.#store.set(name, text, ttl), this.#bounds.writes);
  }

  delete(keys: readonly string[]): Promise<number> {
    return this.#deletion.delete(keys);
  }

  deleteMatching(pattern: string): Promise<number> {
    return this.#deletion.deleteMatching(pattern);
  }

  #name(key: string): string {
    return this.#connection.keys.key(CACHE_MANAGER_ENTRY, key);
  }
}

import type { CacheDriver, NewEntry } from '../cache.driver.js';

/**
 * What a store of texts needs of a cache: bytes under keys for a limited time. Keys and globs as
 * `CacheDriver` has them.
 */
export interface ByteStore {
  /** `undefined` when the key is absent or its time is over. */
  get(key: string): Promise<Buffer | undefined>;
  /** Stores the bytes, replacing what was there. */
  set(key: string, entry: Pick<NewEntry, 'bytes' | 'ttlMs'>): Promise<unknown>;
  /** Removes the keys. Resolves to how many were there. */
  delete(keys: readonly string[]): Promise<number>;
  /** Removes every key that matches the glob. Resolves to how many were removed. */
  deleteMatching(pattern: string): Promise<number>;
}

/** The bytes of a cache driver. */
export function byteStoreOf(driver: CacheDriver): ByteStore {
  return {
    get: async (key) => (await driver.get(key))?.bytes,
    set: (key, entry) => driver.set(key, entry),
    delete: (keys) => driver.delete(keys),
    deleteMatching: (pattern) => driver.deleteMatching(pattern),
  };
}

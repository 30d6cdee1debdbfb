import type { CacheDriver } from '../cache.driver.js';

/** Keeps nothing: every `get` misses. The failure policy `bypass`. */
export class BypassCacheDriver implements CacheDriver {
  async get(): Promise<undefined> {
    return undefined;
  }

  async set(): Promise<void> {}

  async delete(): Promise<number> {
    return 0;
  }

  async deleteMatching(): Promise<number> {
    return 0;
  }
}

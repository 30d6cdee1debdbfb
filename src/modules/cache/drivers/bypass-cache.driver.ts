import { checkKeyText } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type { CacheDriver } from '../cache.driver.js';

/** Keeps nothing: every `get` misses. The failure policy `bypass`. */
export class BypassCacheDriver implements CacheDriver {
  async get(key: string): Promise<undefined> {
    checkKeyText(key, 'key');
  }

  async remainingMs(key: string): Promise<undefined> {
    checkKeyText(key, 'key');
  }

  async set(key: string, _bytes: Buffer, ttlMs: number): Promise<void> {
    checkKeyText(key, 'key');
    parseDuration(ttlMs, 'ttlMs');
  }

  async delete(keys: readonly string[]): Promise<number> {
    for (const key of keys) checkKeyText(key, 'key');
    return 0;
  }

  async deleteMatching(): Promise<number> {
    return 0;
  }
}

import { checkKeyText } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type { BegunLoad, CacheDriver, LoadPermit, NewEntry, PurgeScope } from '../cache.driver.js';
import { slotsOf } from './tag-slots.js';

/** Of another kind than that of Redis, which refuses it when it is back. */
const NO_PERMIT = Symbol('no permit');

/**
 * Keeps nothing: every `get` misses. The failure policy `bypass`. What is stored is told to be
 * provisional, and gone at once; nothing here outdates a load.
 */
export class BypassCacheDriver implements CacheDriver {
  async get(key: string): Promise<undefined> {
    checkKeyText(key, 'key');
  }

  async begin(key: string): Promise<BegunLoad> {
    checkKeyText(key, 'key');
    return { permit: NO_PERMIT, entry: undefined };
  }

  async set(key: string, { ttlMs, tags = [] }: NewEntry): Promise<'provisional'> {
    checkKeyText(key, 'key');
    parseDuration(ttlMs, 'ttlMs');
    slotsOf(tags);
    return 'provisional';
  }

  async cancel(key: string, _permit: LoadPermit, tags: readonly string[]): Promise<'current'> {
    checkKeyText(key, 'key');
    slotsOf(tags);
    return 'current';
  }

  async delete(keys: readonly string[]): Promise<number> {
    for (const key of keys) checkKeyText(key, 'key');
    return 0;
  }

  async deleteMatching(): Promise<number> {
    return 0;
  }

  async purge(scope: PurgeScope): Promise<void> {
    if (scope !== 'everything') slotsOf(scope);
  }
}

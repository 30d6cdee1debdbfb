import { KeyDeletion, type RedisConnection, SURVEY } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type {
  BegunLoad,
  CacheChange,
  CacheChanges,
  CacheDriver,
  LoadPermit,
  NewEntry,
  PurgeKind,
  PurgeScope,
  SetOutcome,
  StoredEntry,
} from '../cache.driver.js';
import { CACHE_CLOCKS, CACHE_ENTRY } from '../cache.keys.js';
import { CacheChannel } from './cache-channel.js';
import { ClusterEntryStore } from './cluster-entry-store.js';
import {
  type Announcement,
  boundsOf,
  type EntryStore,
  type LoadFence,
  type ReadOutcome,
  type Removal,
  type StoreBounds,
} from './entry-store.js';
import { ReadBatch } from './read-batch.js';
import { StandaloneEntryStore } from './standalone-entry-store.js';
import { entryOf, isLive, revisionOf } from './stored-value.js';
import { EVERYTHING_SLOT, slotsOf } from './tag-slots.js';

export interface RedisCacheDriverOptions {
  /** Longest wait for one call; for each step of `deleteMatching`. */
  readonly deadlineMs: number;
  /** Where changes are told. @default one of its own, which nobody closes */
  readonly channel?: CacheChannel;
}

/** Keys removed by one call: Redis does nothing else while it runs. */
const KEYS_PER_DELETE = 256;

/** What Redis gave for a load. */
class RedisLoadPermit {
  constructor(readonly fence: LoadFence) {}
}

/**
 * Entries in Redis, one string each, and one hash of clocks for all tags.
 *
 * A load is fenced as by the leases of memcache (Nishtala et al., "Scaling Memcache at Facebook",
 * NSDI 2013): what is stored or removed under a key changes or ends its revision, and a load is
 * stored only over the revision it began at.
 */
export class RedisCacheDriver implements CacheDriver {
  readonly changes: CacheChanges;
  readonly #bounds: StoreBounds;
  readonly #channel: CacheChannel;
  readonly #store: EntryStore;
  readonly #reads: ReadBatch;
  readonly #sweep: KeyDeletion;
  readonly #nameOf: (key: string) => string;

  constructor(connection: RedisConnection, options: RedisCacheDriverOptions) {
    const { deadlineMs, channel = new CacheChannel(connection) } = options;
    this.#bounds = boundsOf(deadlineMs);
    this.#channel = channel;
    this.changes = channel;
    this.#nameOf = connection.keys.keyer(CACHE_ENTRY);
    const clocks = connection.keys.key(CACHE_CLOCKS, 'tags', 'clocks');
    const Store = connection.topology === 'cluster' ? ClusterEntryStore : StandaloneEntryStore;
    this.#store = new Store(connection, clocks, this.#bounds);
    this.#reads = new ReadBatch(this.#store, deadlineMs);
    this.#sweep = new KeyDeletion(connection, CACHE_ENTRY, {
      deadlineMs,
      remove: (keys) =>
        this.#remove(keys, { announce: () => this.#announce(undefined), bounds: SURVEY }),
    });
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return this.#reads.get(this.#nameOf(key));
  }

  async begin(key: string): Promise<BegunLoad> {
    const { read, moment } = await this.#store.begin(this.#nameOf(key));
    const revision = revisionOf(read.value);
    if (revision === undefined) throw new TypeError('the cache script left no marker');
    return { permit: new RedisLoadPermit({ revision, moment }), entry: entryOf(read) };
  }

  async set(
    key: string,
    { bytes, ttlMs, tags = [], isChange = false }: NewEntry,
    permit?: LoadPermit,
  ): Promise<SetOutcome> {
    const name = this.#nameOf(key);
    const entry = { bytes, ttlMs: parseDuration(ttlMs, 'ttlMs'), tags, slots: slotsOf(tags) };
    if (permit === undefined) {
      await this.#store.set(name, { ...entry, fence: undefined }, this.#announce({ keys: [key] }));
      return 'stored';
    }
    // Given by the fallback: what was changed here meanwhile is unknown.
    if (!(permit instanceof RedisLoadPermit)) return 'outdated';
    const { fence } = permit;
    const announcement = this.#announce(isChange ? { keys: [key] } : undefined);
    const isStored = await this.#store.set(name, { ...entry, fence }, announcement);
    return isStored ? 'stored' : 'outdated';
  }

  async cancel(
    key: string,
    permit: LoadPermit,
    tags: readonly string[],
  ): Promise<'current' | 'outdated'> {
    const name = this.#nameOf(key);
    const slots = slotsOf(tags);
    if (!(permit instanceof RedisLoadPermit)) return 'outdated';
    return (await this.#store.cancel(name, permit.fence, slots)) ? 'current' : 'outdated';
  }

  async delete(keys: readonly string[]): Promise<number> {
    const announce = (told: readonly string[]): Announcement => this.#announce({ keys: told });
    return this.#remove(keys, { announce, bounds: this.#bounds.writes });
  }

  /** In steps of a survey, which say nothing about Redis; told when all are gone. */
  async deleteMatching(pattern: string): Promise<number> {
    const removed = await this.#sweep.deleteMatching(pattern);
    await this.#channel.publish({ pattern }, SURVEY);
    return removed;
  }

  async purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    const slots = scope === 'everything' ? [EVERYTHING_SLOT] : slotsOf(scope);
    if (slots.length === 0) return;
    await this.#store.purge(slots, kind, this.#announce({ purged: scope, kind }));
  }

  async #remove(keys: readonly string[], removal: Removal): Promise<number> {
    const doomed = keys.map((key) => ({ key, name: this.#nameOf(key) }));
    const batches: Promise<readonly ReadOutcome[]>[] = [];
    for (let at = 0; at < doomed.length; at += KEYS_PER_DELETE) {
      batches.push(this.#store.delete(doomed.slice(at, at + KEYS_PER_DELETE), removal));
    }
    const outcomes = (await Promise.all(batches)).flat();
    return outcomes.filter((read) => !(read instanceof Error) && isLive(read)).length;
  }

  #announce(change: CacheChange | undefined): Announcement {
    return {
      channel: this.#channel.name,
      text: change ? this.#channel.messageOf(change) : '',
      refused: this.#channel.refused,
    };
  }
}

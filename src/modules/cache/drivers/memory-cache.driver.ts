import { LRUCache } from 'lru-cache';
import { checkKeyText, compileGlob } from '../../../common/redis/index.js';
import { type Clock, parseDuration } from '../../../common/time/index.js';
import type {
  BegunLoad,
  CacheChanges,
  CacheDriver,
  LoadPermit,
  NewEntry,
  PurgeKind,
  PurgeScope,
  StoredEntry,
} from '../cache.driver.js';
import { MemoryTagClocks } from './memory-tag-clocks.js';
import { PERMIT_MS } from './scripts/cache-begin.lua.js';
import { type LoadMoment, standingOf } from './tag-clocks.js';
import { slotsOf } from './tag-slots.js';

export interface MemoryCacheDriverOptions {
  readonly clock: Clock;
  /** Entries kept at once, and loads under way; beyond it the least recently used goes. */
  readonly maxEntries: number;
  /** Bytes of values kept at once; beyond it the least recently used go. */
  readonly maxBytes: number;
  /** Longest time to live, whatever the caller asks for. @default unlimited */
  readonly maxTtlMs?: number;
}

/** What is under a key. A load is stored only where the very same is there still. */
interface Place {
  /** Absent while there is but a load under way. */
  readonly entry?: KeptEntry;
}

interface KeptEntry {
  readonly bytes: Buffer;
  readonly tags: readonly string[];
  readonly slots: readonly number[];
  readonly moment: LoadMoment;
  readonly endsAt: number;
}

/** What this driver gave for a load. */
class MemoryLoadPermit {
  constructor(
    readonly place: Place,
    readonly moment: LoadMoment,
  ) {}
}

/** Nobody else can change what is in this process. */
const NO_CHANGES: CacheChanges = { isComplete: true, gaps: 0, onChange: () => undefined };

/**
 * Entries in this process: a bounded, least-recently-used map. Decides as the Redis driver does.
 *
 * A permit that another driver gave is taken: as the fallback of Redis it stores what was loaded
 * when Redis went away, and cannot know what other processes changed meanwhile.
 */
export class MemoryCacheDriver implements CacheDriver {
  readonly changes = NO_CHANGES;
  readonly #places: LRUCache<string, Place>;
  readonly #clocks = new MemoryTagClocks();
  readonly #clock: Clock;
  readonly #maxTtlMs: number;

  constructor(options: MemoryCacheDriverOptions) {
    const { clock, maxEntries, maxBytes, maxTtlMs = Infinity } = options;
    this.#clock = clock;
    this.#maxTtlMs = maxTtlMs;
    this.#places = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: ({ entry }) => Math.max(1, entry?.bytes.length ?? 0),
      ttlResolution: 0,
      // For lru-cache what is from moment 0 has no age.
      perf: { now: () => clock.now() + 1 },
    });
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return this.#entryOf(this.#places.get(checkKeyText(key, 'key')));
  }

  async begin(key: string): Promise<BegunLoad> {
    const place = this.#places.get(checkKeyText(key, 'key')) ?? {};
    const ttl = Math.max(PERMIT_MS, this.#places.getRemainingTTL(key));
    this.#places.set(key, place, { ttl });
    const permit = new MemoryLoadPermit(place, this.#clocks.now);
    return { permit, entry: this.#entryOf(place) };
  }

  async set(
    key: string,
    { bytes, ttlMs, tags = [] }: NewEntry,
    permit?: LoadPermit,
  ): Promise<'stored' | 'outdated'> {
    checkKeyText(key, 'key');
    const ttl = Math.min(parseDuration(ttlMs, 'ttlMs'), this.#maxTtlMs);
    const slots = slotsOf(tags);
    const isFenced = permit instanceof MemoryLoadPermit;
    const moment = isFenced ? permit.moment : this.#clocks.now;
    if (isFenced && this.#places.peek(key) !== permit.place) return 'outdated';
    if (standingOf(moment, this.#clocks.of(slots)) === 'outdated') return 'outdated';
    const entry = { bytes, tags, slots, moment, endsAt: this.#clock.now() + ttl };
    this.#places.set(key, { entry }, { ttl });
    return 'stored';
  }

  async delete(keys: readonly string[]): Promise<number> {
    return this.drop(keys.map((key) => checkKeyText(key, 'key')));
  }

  async deleteMatching(pattern: string): Promise<number> {
    return this.dropMatching(pattern);
  }

  async purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    this.outdate(scope, kind);
  }

  /** As `delete`, at once and for any keys; those that no driver takes are never there. */
  drop(keys: readonly string[]): number {
    return keys.filter((key) => this.#remove(key)).length;
  }

  /** As `deleteMatching`, at once. */
  dropMatching(pattern: string): number {
    const matches = compileGlob(pattern);
    return this.drop([...this.#places.keys()].filter(matches));
  }

  /** As `purge`, at once. @throws InvalidOptionError for a tag that no driver takes */
  outdate(scope: PurgeScope, kind: PurgeKind): void {
    this.#clocks.purge(scope, kind);
  }

  /** Forgets everything. */
  clear(): void {
    this.#places.clear();
  }

  /** What was ended by its time or a purge was not there any more. */
  #remove(key: string): boolean {
    const place = this.#places.peek(key);
    this.#places.delete(key);
    return this.#entryOf(place) !== undefined;
  }

  #entryOf(place: Place | undefined): StoredEntry | undefined {
    const { entry } = place ?? {};
    if (entry === undefined) return undefined;
    const remainingMs = Math.floor(entry.endsAt - this.#clock.now());
    const standing = standingOf(entry.moment, this.#clocks.of(entry.slots));
    if (remainingMs < 1 || standing === 'outdated') return undefined;
    const { bytes, tags } = entry;
    return { bytes, tags, remainingMs, isPurged: standing === 'purged' };
  }
}

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
  SetOutcome,
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
  /**
   * Longest time that an entry is kept, whatever life it was given; what is left of that is told all
   * the same. @default unlimited
   */
  readonly maxTtlMs?: number;
}

/** What is under a key. A load is stored only where the very same is there still. */
interface Place {
  /** Absent while there are but loads under way. */
  readonly entry?: KeptEntry;
  /** Loads under way, where there is no entry: it goes with the last that is cancelled. */
  loads: number;
}

interface KeptEntry {
  readonly bytes: Buffer;
  readonly tags: readonly string[];
  readonly slots: readonly number[];
  readonly moment: LoadMoment;
  readonly endsAt: number;
  /** When it is dropped. */
  readonly goneAt: number;
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
 * Entries in this process: a bounded, least-recently-used map. Decides as the Redis driver does, by
 * monotonic time.
 *
 * A permit that another driver gave is refused: what changed since is unknown here.
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
      perf: { now: () => clock.monotonic() + 1 },
    });
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return this.#entryOf(this.#places.get(checkKeyText(key, 'key')));
  }

  async begin(key: string): Promise<BegunLoad> {
    const place = this.#places.get(checkKeyText(key, 'key')) ?? { loads: 0 };
    place.loads += 1;
    const ttl = Math.max(PERMIT_MS, this.#places.getRemainingTTL(key));
    this.#places.set(key, place, { ttl });
    const permit = new MemoryLoadPermit(place, this.#clocks.now);
    return { permit, entry: this.#entryOf(place) };
  }

  async set(
    key: string,
    { bytes, ttlMs, tags = [] }: NewEntry,
    permit?: LoadPermit,
  ): Promise<SetOutcome> {
    checkKeyText(key, 'key');
    const life = parseDuration(ttlMs, 'ttlMs');
    const slots = slotsOf(tags);
    const moment = permit === undefined ? this.#clocks.now : this.#leaveOf(key, permit, slots);
    if (moment === undefined) return 'outdated';
    const ttl = Math.min(life, this.#maxTtlMs);
    const now = this.#clock.monotonic();
    const entry = { bytes, tags, slots, moment, endsAt: now + life, goneAt: now + ttl };
    this.#places.set(key, { entry, loads: 0 }, { ttl });
    return 'stored';
  }

  async cancel(
    key: string,
    permit: LoadPermit,
    tags: readonly string[],
  ): Promise<'current' | 'outdated'> {
    checkKeyText(key, 'key');
    const isCurrent = this.#leaveOf(key, permit, slotsOf(tags)) !== undefined;
    this.#endLoad(key, permit);
    return isCurrent ? 'current' : 'outdated';
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

  /** When the load began, unless it is outdated or not ours. */
  #leaveOf(key: string, permit: LoadPermit, slots: readonly number[]): LoadMoment | undefined {
    if (!(permit instanceof MemoryLoadPermit)) return undefined;
    if (this.#places.peek(key) !== permit.place) return undefined;
    const { moment } = permit;
    return standingOf(moment, this.#clocks.of(slots)) === 'outdated' ? undefined : moment;
  }

  #endLoad(key: string, permit: LoadPermit): void {
    if (!(permit instanceof MemoryLoadPermit)) return;
    const { place } = permit;
    if (this.#places.peek(key) !== place || place.entry !== undefined) return;
    place.loads -= 1;
    if (place.loads === 0) this.#places.delete(key);
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
    const now = this.#clock.monotonic();
    const standing = standingOf(entry.moment, this.#clocks.of(entry.slots));
    if (entry.goneAt <= now || standing === 'outdated') return undefined;
    const { bytes, tags } = entry;
    const remainingMs = Math.ceil(entry.endsAt - now);
    return { bytes, tags, remainingMs, isPurged: standing === 'purged' };
  }
}

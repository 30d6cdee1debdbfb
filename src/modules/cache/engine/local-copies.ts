import type { CacheChange, CacheChanges } from '../cache.driver.js';
import { compileGlob } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import { ChangeLog } from './change-log.js';
import type { CopyStore } from './copy-store.js';
import type { Entry } from './entry.js';
import { LfuCopyStore } from './lfu-copy-store.js';
import { LruCopyStore } from './lru-copy-store.js';

export interface LocalCopiesOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Who has to go beyond the bounds: the least recently used, or the least frequently used. */
  readonly eviction: 'lru' | 'lfu';
  /** Absent where nobody would tell of changes: nothing is kept then. */
  readonly changes: CacheChanges | undefined;
  /** Beyond the bounds, `key` had to go. */
  readonly onEvicted: (key: string) => void;
}

/** A moment in the order of changes: what was asked for then may be kept if nothing came since. */
export interface Moment {
  readonly mark: number;
  readonly gaps: number;
}

interface Copy {
  readonly entry: Entry;
  readonly taken: Moment;
}

/** What an entry costs besides its value and its key; about what V8 takes for the objects. */
const OVERHEAD_BYTES = 400;

/**
 * Copies of entries in this process, bounded. A copy is used only while every change that could
 * concern it is known to have been told.
 */
export class LocalCopies {
  readonly #copies: CopyStore<Copy>;
  readonly #log = new ChangeLog();
  readonly #options: LocalCopiesOptions;

  constructor(options: LocalCopiesOptions) {
    const { maxEntries, eviction, changes } = options;
    this.#options = options;
    // A single place leaves no room for a window besides it.
    const Store = eviction === 'lfu' && maxEntries > 1 ? LfuCopyStore : LruCopyStore;
    this.#copies = new Store({ ...options, sizeOf });
    changes?.onChange((change) => this.note(change));
  }

  get count(): number {
    return this.#copies.size;
  }

  get bytes(): number {
    return this.#copies.bytes;
  }

  /** Remember it before the store is asked for what may be kept. */
  get now(): Moment {
    return { mark: this.#log.mark, gaps: this.#options.changes?.gaps ?? 0 };
  }

  get(key: string): Entry | undefined {
    const copy = this.#copies.get(key);
    if (copy === undefined) return undefined;
    const { entry, taken } = copy;
    if (!this.#isUnbroken(taken) || this.#options.clock.monotonic() >= entry.endsAt) {
      return this.#drop(key);
    }
    const standing = this.#log.standing(entry.tags, taken.mark);
    if (standing === 'valid') return entry;
    if (standing === 'outdated') return this.#drop(key);
    return entry.isPurged ? entry : this.#markPurged(key, copy);
  }

  /** Keeps the entry, unless something that concerns it has changed since it was asked for. */
  keep(key: string, entry: Entry, taken: Moment): void {
    if (!this.#isUnbroken(taken) || this.#log.hasChanged(key, taken.mark)) return;
    if (this.#log.standing(entry.tags, taken.mark) === 'outdated') return;
    this.#copies.set(key, { entry, taken });
  }

  /**
   * Keeps what this process has stored under the key, by the same rule; whatever else was asked for
   * until now is older, and is not kept any more.
   */
  settle(key: string, entry: Entry, taken: Moment): void {
    const hasChanged = this.#log.hasChanged(key, taken.mark);
    this.note({ keys: [key] });
    if (!hasChanged && this.#log.standing(entry.tags, taken.mark) === 'valid') {
      this.keep(key, entry, { mark: this.#log.mark, gaps: taken.gaps });
    }
  }

  /** To be called before and after a change of this process' own is made. */
  note(change: CacheChange): void {
    this.#log.note(change);
    if ('keys' in change) for (const key of change.keys) this.#copies.delete(key);
    else if ('pattern' in change) this.#dropMatching(change.pattern);
    else if (change.purged === 'everything' && change.kind === 'hard') this.#copies.clear();
  }

  #isUnbroken({ gaps }: Moment): boolean {
    const { changes } = this.#options;
    return changes !== undefined && changes.isComplete && changes.gaps === gaps;
  }

  #drop(key: string): undefined {
    this.#copies.delete(key);
  }

  #markPurged(key: string, { entry, taken }: Copy): Entry {
    const purged = { ...entry, isPurged: true };
    this.#copies.set(key, { entry: purged, taken });
    return purged;
  }

  #dropMatching(pattern: string): void {
    const matches = compileGlob(pattern);
    for (const key of this.#copies.keys()) if (matches(key)) this.#copies.delete(key);
  }
}

function sizeOf({ entry }: Copy, key: string): number {
  return entry.value.length + 2 * key.length + OVERHEAD_BYTES;
}

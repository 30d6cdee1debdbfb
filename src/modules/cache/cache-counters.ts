import { Inject, Injectable } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import './cache.events.js';

/** How the look-ups of this process went since it started. */
export type CacheLookups = Readonly<{
  hits: number;
  misses: number;
  /** Share of the look-ups that were hits, 0 to 1; `null` before the first one. */
  hit_ratio: number | null;
}>;

/** Everything that is counted, of this process since it started. */
export type CacheCounts = CacheLookups &
  Readonly<{
    stored: number;
    /** Values that were not stored, and stored ones that could not be read. */
    rejected: number;
    /** Entries that were removed before their time was over. */
    invalidated: number;
  }>;

/** Counts what the event stream tells of the cache; the one source of its figures. */
@Injectable()
export class CacheCounters {
  #hits = 0;
  #misses = 0;
  #stored = 0;
  #rejected = 0;
  #invalidated = 0;

  constructor(@Inject(EventStream) events: EventStream) {
    events.on('cache.hit', () => (this.#hits += 1));
    events.on('cache.miss', () => (this.#misses += 1));
    events.on('cache.stored', () => (this.#stored += 1));
    events.on('cache.rejected', () => (this.#rejected += 1));
    events.on('cache.invalidated', ({ removed }) => (this.#invalidated += removed));
  }

  lookups(): CacheLookups {
    const [hits, misses] = [this.#hits, this.#misses];
    const lookups = hits + misses;
    return { hits, misses, hit_ratio: lookups === 0 ? null : hits / lookups };
  }

  counts(): CacheCounts {
    const [stored, rejected, invalidated] = [this.#stored, this.#rejected, this.#invalidated];
    return { ...this.lookups(), stored, rejected, invalidated };
  }
}

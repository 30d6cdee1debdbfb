import type { EventStream } from '../../common/events/index.js';
import type { Details } from '../../common/status/index.js';
import './cache.events.js';

/** How the look-ups of this process went since it started. */
interface CacheLookups extends Details {
  readonly hits: number;
  readonly misses: number;
  /** Share of the look-ups that were hits, 0 to 1; `null` before the first one. */
  readonly hit_ratio: number | null;
}

/** Counts the look-ups that the stream tells of; the function returned says how many there were. */
export function countLookups(events: EventStream): () => Promise<CacheLookups> {
  let hits = 0;
  let misses = 0;
  events.on('cache.hit', () => (hits += 1));
  events.on('cache.miss', () => (misses += 1));
  return async () => {
    const lookups = hits + misses;
    return { hits, misses, hit_ratio: lookups === 0 ? null : hits / lookups };
  };
}

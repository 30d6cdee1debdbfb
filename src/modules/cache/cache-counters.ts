import { Inject, Injectable } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import { namespaceOf } from './engine/namespaces.js';
import { type CacheFigures, Tally } from './stats/figures.js';
import { type FrequentKey, FrequentKeys } from './stats/frequent-keys.js';
import './cache.events.js';

/** How the look-ups of this process went since it started; for health bodies. */
export type CacheLookups = Readonly<{
  hits: number;
  misses: number;
  /** Share of the look-ups that were hits, 0 to 1; `null` before the first one. */
  hit_ratio: number | null;
}>;

/** The figures of the keys that begin with the name and a colon. */
export interface NamespaceFigures extends CacheFigures {
  /** `''` of keys without one; `':others'` for those beyond the first hundred. */
  readonly namespace: string;
}

/** Everything that is counted, of this process since it started. */
export interface CacheCounts extends CacheFigures {
  /** Entries that were removed before their time was over, by their keys or by patterns. */
  readonly invalidated: number;
  /** Purges of tags, of a namespace, or of everything: how many entries they met nobody knows. */
  readonly purges: number;
  /** Those that were looked up most first; the first hundred that this process has met. */
  readonly namespaces: readonly NamespaceFigures[];
  /** The twenty keys that were looked up most, first first. */
  readonly topKeys: readonly FrequentKey[];
  /** By how much each of them may be counted too high, because others had to be forgotten. */
  readonly topKeysError: number;
}

/** Namespaces with figures of their own. */
const MAX_NAMESPACES = 100;
/** No key has a namespace with a colon. */
const OTHERS = ':others';
const COUNTED_KEYS = 1_000;
const TOP_KEYS = 20;

/**
 * Counts what the event stream tells of the cache; the one source of its figures. In bounded memory,
 * without timers, and in constant time for each event.
 */
@Injectable()
export class CacheCounters {
  readonly #tallies = new Map<string, Tally>();
  /** With the tally of each, so that a hit takes one look-up. */
  readonly #keys = new FrequentKeys(COUNTED_KEYS, (key) => this.#of(key));
  #invalidated = 0;
  #purges = 0;

  constructor(@Inject(EventStream) events: EventStream) {
    events.on('cache.hit', ({ key, from }) => {
      const tally = this.#keys.add(key);
      if (from === 'process') tally.hitsFromProcess += 1;
      else tally.hitsFromStore += 1;
    });
    events.on('cache.miss', ({ key }) => (this.#keys.add(key).misses += 1));
    events.on('cache.stale', ({ key, reason }) => {
      if (reason === 'revalidating') this.#of(key).staleRevalidating += 1;
      else this.#of(key).staleOnError += 1;
    });
    events.on('cache.joined', ({ key }) => (this.#of(key).joined += 1));
    events.on('cache.load-failed', ({ key }) => (this.#of(key).loadsFailed += 1));
    events.on('cache.stored', ({ key }) => (this.#of(key).stored += 1));
    events.on('cache.rejected', ({ key }) => (this.#of(key).rejected += 1));
    events.on('cache.evicted', ({ key }) => (this.#of(key).evicted += 1));
    events.on('cache.invalidated', ({ removed }) => (this.#invalidated += removed));
    events.on('cache.purged', () => (this.#purges += 1));
  }

  lookups(): CacheLookups {
    const { hits, misses, hitRatio = null } = this.#total();
    return { hits, misses, hit_ratio: hitRatio };
  }

  counts(): CacheCounts {
    const namespaces = [...this.#tallies]
      .map(([namespace, tally]) => ({ namespace, ...tally.figures }))
      .toSorted((a, b) => b.hits + b.misses - (a.hits + a.misses));
    return {
      ...this.#total(),
      invalidated: this.#invalidated,
      purges: this.#purges,
      namespaces,
      topKeys: this.#keys.top(TOP_KEYS),
      topKeysError: this.#keys.error,
    };
  }

  #total(): CacheFigures {
    const total = new Tally();
    for (const tally of this.#tallies.values()) total.add(tally);
    return total.figures;
  }

  #of(key: string): Tally {
    const namespace = namespaceOf(key);
    return this.#tallies.get(namespace) ?? this.#newTally(namespace);
  }

  #newTally(namespace: string): Tally {
    const name = this.#tallies.size < MAX_NAMESPACES ? namespace : OTHERS;
    const tally = this.#tallies.get(name) ?? new Tally();
    this.#tallies.set(name, tally);
    return tally;
  }
}

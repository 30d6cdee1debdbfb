import type { Backing } from '../../common/status/index.js';
import type { CacheFigures } from './stats/figures.js';
import type { CacheStats } from './cache.service.js';

/** What was counted of look-ups and entries; see `CacheFigures`. */
export interface CacheFiguresBody {
  readonly hits: number;
  readonly hits_from_process: number;
  readonly hits_from_store: number;
  readonly misses: number;
  /** `null` before the first look-up. */
  readonly hit_ratio: number | null;
  readonly stale_revalidating: number;
  readonly stale_on_error: number;
  readonly joined: number;
  readonly loads_failed: number;
  readonly stored: number;
  readonly rejected: number;
  readonly evicted: number;
}

/** What this process counted since it started, what it holds, and what backs the cache now. */
export interface CacheStatsBody extends CacheFiguresBody {
  readonly invalidated: number;
  readonly purges: number;
  readonly copies: { readonly entries: number; readonly bytes: number };
  readonly namespaces: readonly (CacheFiguresBody & { readonly namespace: string })[];
  readonly top_keys: readonly { readonly key: string; readonly lookups: number }[];
  readonly top_keys_error: number;
  readonly backing: Backing;
}

/** One entry. */
export interface CacheEntryBody {
  readonly key: string;
  /** As JSON, as near as it can; of a cached answer its body. */
  readonly value: unknown;
  /** Until its time is over; 0 where it is served as stale only. */
  readonly ttl_ms: number;
  readonly age_ms: number;
}

/** What was removed, or outdated: how many entries a purge met nobody knows. */
export type CacheDeletionBody =
  | { readonly removed: number }
  | { readonly tags: readonly string[]; readonly soft: boolean }
  | { readonly namespace: string; readonly soft: boolean };

/** The figures as operators get them. */
export function statsBody(stats: CacheStats, backing: Backing): CacheStatsBody {
  return {
    ...figuresBody(stats),
    invalidated: stats.invalidated,
    purges: stats.purges,
    copies: stats.copies,
    namespaces: stats.namespaces.map((figures) => ({
      namespace: figures.namespace,
      ...figuresBody(figures),
    })),
    top_keys: stats.topKeys,
    top_keys_error: stats.topKeysError,
    backing,
  };
}

function figuresBody(figures: CacheFigures): CacheFiguresBody {
  return {
    hits: figures.hits,
    hits_from_process: figures.hitsFromProcess,
    hits_from_store: figures.hitsFromStore,
    misses: figures.misses,
    hit_ratio: figures.hitRatio ?? null,
    stale_revalidating: figures.staleRevalidating,
    stale_on_error: figures.staleOnError,
    joined: figures.joined,
    loads_failed: figures.loadsFailed,
    stored: figures.stored,
    rejected: figures.rejected,
    evicted: figures.evicted,
  };
}

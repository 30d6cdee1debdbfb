import type { Duration } from '../../common/time/index.js';
import type { CacheFormat } from './cache-format.js';

/** What a loader is told, and what it can say of the value it makes. */
export interface LoadContext {
  readonly key: string;
  /** Aborts when the hard timeout is over. */
  readonly signal: AbortSignal;
  /** Nobody waits for the value: an older one was served. */
  readonly isBackground: boolean;
  /** The value is to be fresh for so long, instead of for the `ttl` of the call. */
  readonly setTtl: (ttl: Duration) => void;
  /** What the value was made of, besides the `tags` of the call. */
  readonly addTags: (...tags: readonly string[]) => void;
  /** Hands the value out without storing it. */
  readonly skipStore: () => void;
}

/** Makes the value of a key. */
export type CacheLoader<T> = (context: LoadContext) => T | Promise<T>;

/**
 * Thrown by a loader to say that what it made is for its own caller alone. It is neither stored nor
 * a failure: no stale value is served for it, and everybody who waits for the load gets it thrown.
 */
export class LoadRefusal<T = unknown> {
  constructor(readonly value: T) {}
}

/** How one entry is kept; resolved, all times in ms. */
export interface EntryTerms {
  readonly ttlMs: number;
  /** After `ttlMs`: served for so long, while one caller loads it anew. */
  readonly staleWhileRevalidateMs: number;
  /** After `ttlMs`: served for so long when the load fails. */
  readonly staleIfErrorMs: number;
  /** A load that takes longer is not waited for where there is a stale value. */
  readonly softTimeoutMs: number | undefined;
  /** A load that takes longer has failed. */
  readonly hardTimeoutMs: number;
  /** Beta of XFetch: 1 is its authors' default, more refreshes earlier, 0 never. */
  readonly earlyRefresh: number;
  /** Share of `ttlMs`, 0 to 1, by which entries may end earlier, so that not all end at once. */
  readonly jitter: number;
  /** For `null`. `undefined`: as every other value; 0: not stored. */
  readonly negativeTtlMs: number | undefined;
  readonly tags: readonly string[];
  /** `false`: handed out and not stored. */
  readonly shouldStore: ((value: unknown) => boolean) | undefined;
}

/** One look-up that may load. */
export interface CacheQuery<T> {
  readonly key: string;
  readonly loader: CacheLoader<T>;
  readonly terms: EntryTerms;
  readonly format: CacheFormat<T>;
  /** What is there will not do, fresh or not; it stays until another value is stored. */
  readonly isReload?: boolean;
}

/** A value, and how it was come by. */
export interface CacheAnswer<T> {
  readonly value: T;
  /** `load`: made for this call, or by one that was under way. */
  readonly from: 'process' | 'store' | 'load';
  /** `false`: its time is over, or it was purged softly; it is served as the terms allow. */
  readonly isFresh: boolean;
  /** Since it was stored; 0 for one that was just made. */
  readonly ageMs: number;
  /** Until it is not fresh any more; at most 0 for one that is not. */
  readonly freshForMs: number;
  /** It can be found by the next call. `false` where storing was refused, or impossible. */
  readonly isStored: boolean;
}

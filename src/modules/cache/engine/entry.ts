import type { CacheFormat } from '../cache-format.js';
import type { EntryTerms } from '../cache-loader.js';
import type { StoredEntry } from '../cache.driver.js';
import { unseal } from './envelope.js';

/** One entry as this process found it; times by its monotonic clock. */
export interface Entry {
  /** Tells it from whatever else is stored under its key at another time. */
  readonly id: number;
  readonly value: Buffer;
  readonly tags: readonly string[];
  readonly storedAt: number;
  readonly freshUntil: number;
  readonly endsAt: number;
  readonly loadMs: number;
  /** It is to be loaded anew, although its time is not over. */
  readonly isPurged: boolean;
  /** A look has found that it is time to load it anew. */
  isRefreshDue?: boolean;
  /** The value, where it is one that nobody can change; unpacked by the first who wants it. */
  unpacked?: { readonly format: CacheFormat<unknown>; readonly value: unknown };
}

/**
 * @param askedAt before the store was asked, so that the entry ends here no later than there
 * @throws CodecError for an entry of another format
 */
export function entryFound(stored: StoredEntry, askedAt: number): Entry {
  const { id, lifeMs, graceMs, loadMs, value } = unseal(stored.bytes);
  const endsAt = askedAt + stored.remainingMs;
  return {
    id,
    value: compact(value),
    tags: stored.tags,
    storedAt: endsAt - lifeMs,
    freshUntil: endsAt - graceMs,
    endsAt,
    loadMs,
    isPurged: stored.isPurged,
  };
}

/** The end of its time, or a soft purge. */
export function isFresh(entry: Entry, now: number): boolean {
  return now < entry.freshUntil && !entry.isPurged;
}

/** May it be served while somebody loads it anew? */
export function isServedStale(entry: Entry, terms: EntryTerms, now: number): boolean {
  return terms.staleWhileRevalidateMs > 0 && overdueMs(entry, now) < terms.staleWhileRevalidateMs;
}

/** May it be served when the load failed, or takes too long? */
export function isServedOnError(entry: Entry, terms: EntryTerms, now: number): boolean {
  const longest = Math.max(terms.staleIfErrorMs, terms.staleWhileRevalidateMs);
  return now < entry.endsAt && longest > 0 && overdueMs(entry, now) < longest;
}

/** Since its time was over; 0 for one that was only purged. */
function overdueMs(entry: Entry, now: number): number {
  return Math.max(0, now - entry.freshUntil);
}

/**
 * Is it this caller who loads the entry anew before its time is over? The nearer the end, and the
 * longer the load takes, the likelier; one of many callers does it, on average at the right time.
 *
 * @param beta 1 is optimal for loads that take about the same time each; 0 never
 * @see Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, VLDB 2015,
 * https://www.vldb.org/pvldb/vol8/p886-vattani.pdf
 */
export function isRefreshedEarly(entry: Entry, beta: number, now: number): boolean {
  if (beta === 0) return false;
  // 1 - random: never 0, whose logarithm is infinite. Drawn once for a look, however often it asks.
  entry.isRefreshDue ||=
    now - entry.loadMs * beta * Math.log(1 - Math.random()) >= entry.freshUntil;
  return entry.isRefreshDue;
}

/** A few bytes must not keep all alive that came with them in one piece from the network. */
function compact(value: Buffer): Buffer {
  const { byteLength } = value.buffer;
  return byteLength > Buffer.poolSize && byteLength > 2 * value.length ? Buffer.from(value) : value;
}

/** What was counted of look-ups and entries. */
export interface CacheFigures {
  /** Look-ups that found a fresh value: the sum of the next two. */
  readonly hits: number;
  readonly hitsFromProcess: number;
  readonly hitsFromStore: number;
  /** Look-ups that found nothing, or nothing that might be served without loading. */
  readonly misses: number;
  /** `hits` ÷ (`hits` + `misses`), 0 to 1; `undefined` before the first one. */
  readonly hitRatio: number | undefined;
  /** Old values served while somebody loads them anew (`staleWhileRevalidate`, `softTimeout`). */
  readonly staleRevalidating: number;
  /** Old values served because the load had failed (`staleIfError`). */
  readonly staleOnError: number;
  /** Loads coalesced: calls that waited for a load which another one of this process had begun. */
  readonly joined: number;
  /** Loads that failed without their callers having been told. */
  readonly loadsFailed: number;
  readonly stored: number;
  /** Values that were not stored, and stored ones that could not be read. */
  readonly rejected: number;
  /** Copies in this process that made room for others. */
  readonly evicted: number;
}

/** The figures as they grow. */
export class Tally {
  hitsFromProcess = 0;
  hitsFromStore = 0;
  misses = 0;
  staleRevalidating = 0;
  staleOnError = 0;
  joined = 0;
  loadsFailed = 0;
  stored = 0;
  rejected = 0;
  evicted = 0;

  get figures(): CacheFigures {
    const { hitsFromProcess, hitsFromStore, misses } = this;
    const hits = hitsFromProcess + hitsFromStore;
    const lookups = hits + misses;
    return {
      hits,
      hitsFromProcess,
      hitsFromStore,
      misses,
      hitRatio: lookups === 0 ? undefined : hits / lookups,
      staleRevalidating: this.staleRevalidating,
      staleOnError: this.staleOnError,
      joined: this.joined,
      loadsFailed: this.loadsFailed,
      stored: this.stored,
      rejected: this.rejected,
      evicted: this.evicted,
    };
  }

  add(other: Tally): void {
    this.hitsFromProcess += other.hitsFromProcess;
    this.hitsFromStore += other.hitsFromStore;
    this.misses += other.misses;
    this.staleRevalidating += other.staleRevalidating;
    this.staleOnError += other.staleOnError;
    this.joined += other.joined;
    this.loadsFailed += other.loadsFailed;
    this.stored += other.stored;
    this.rejected += other.rejected;
    this.evicted += other.evicted;
  }
}

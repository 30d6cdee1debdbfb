/** What a claim takes of a semaphore: up to `of` permits of a key are out at the same time. */
export interface Permits {
  /** At most `of`. */
  readonly take: number;
  /** The same in all claims of a key. */
  readonly of: number;
}

/** Names one grant: the lock and the secret that proves who holds it. */
export interface LockRef {
  readonly key: string;
  /** Opaque, made anew for each claim; whoever knows it may extend and release. */
  readonly token: string;
  /** Where the key is a semaphore: as it was claimed. @default none: a plain lock */
  readonly permits?: Permits | undefined;
}

/** What is given back. */
export interface LockRelease extends LockRef {
  /**
   * A hold that has not lasted for so long ends, but its lock stays busy for the rest of the time. By
   * the clock of the driver. Not for permits. @default 0
   */
  readonly holdAtLeastMs?: number | undefined;
}

/** Who wants which lock for how long. */
export interface LockClaim extends LockRef {
  readonly ttlMs: number;
  /** For people: who holds the lock. */
  readonly owner: string;
  /** The caller waits on purpose, longer than its request may wait for Redis. @default false */
  readonly outsideBudget?: boolean;
  /**
   * `'none'`: takes no fence, and leaves nothing behind. A number: of a hold that was granted
   * elsewhere and goes on here, so that the next grant gets a greater one. @default a new one
   */
  readonly fence?: 'none' | number;
}

/** How a claim waits for a lock that is busy. */
export interface LockWait {
  readonly waitMs: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** A hold that was granted or extended. */
export interface LockGrant {
  /** Least time until the driver gives the lock to somebody else, from `askedAt`. */
  readonly remainingMs: number;
  /**
   * Monotonic time, by the driver's clock, from before the request that granted it was sent.
   * `undefined`: that was the call itself. For grants that were waited for.
   */
  readonly askedAt?: number | undefined;
  /**
   * Greater than the fence of every grant of the key before it, whole, and the same for all grants of
   * one hold: at least the time of the grant, in µs since 1970. `undefined` for a claim without one.
   *
   * @see https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
   */
  readonly fence: number | undefined;
  /**
   * `false` once the driver no longer stands for the grant although its time is not over, for ever
   * after. Costs nothing and does not wait.
   */
  readonly stands: () => boolean;
  /**
   * Has `listener` called, once, when it stops standing. Without it nobody is told before they ask.
   */
  readonly onLost?: (listener: () => void) => void;
}

export type AcquireOutcome =
  | { readonly outcome: 'acquired'; readonly grant: LockGrant }
  /**
   * Somebody else holds it, for so long unless it is extended or released; of a semaphore, until the
   * next hold ends.
   */
  | { readonly outcome: 'busy'; readonly remainingMs: number };

/** `'busy'`: nothing was taken, because somebody else holds `key`. */
export type AcquireAllOutcome =
  | { readonly outcome: 'acquired'; readonly grants: readonly LockGrant[] }
  | { readonly outcome: 'busy'; readonly key: string; readonly remainingMs: number };

export type ExtendOutcome =
  { readonly outcome: 'extended'; readonly grant: LockGrant } | { readonly outcome: 'lost' };

/** `'lost'`: the token did not hold the lock, because its time was over or it was taken away. */
export type ReleaseOutcome = 'released' | 'lost';

/** Somebody who waits for a lock. */
export interface LockWaiter {
  readonly owner: string;
  readonly tokenPrefix: string;
  readonly waitedMs: number;
}

/** A held lock as operators see it. */
export interface HeldLock {
  readonly key: string;
  readonly owner: string;
  /**
   * Enough of the token to tell two holders apart, far too little to act for one. Begins with `-`
   * where the holder has released it and it stays busy for a while.
   */
  readonly tokenPrefix: string;
  readonly heldMs: number;
  readonly remainingMs: number;
  readonly fence: number | undefined;
  /** What is held of a semaphore; `undefined` for a plain lock. */
  readonly permits?: Permits | undefined;
  /** In the order in which they will get it; at most 100. With the first hold of a semaphore only. */
  readonly queue: readonly LockWaiter[];
}

/** Which hold of a key is meant: the one that fits all that is given. */
export interface WhichHold {
  readonly fence?: number | undefined;
  /** As `HeldLock` shows it. */
  readonly tokenPrefix?: string | undefined;
}

/** Injection token and contract of what keeps the locks. */
export const LockDriver = Symbol('LockDriver');

/**
 * Keeps locks: at most one token holds a key at any time, until its time is over.
 *
 * A claim with `permits` takes them of the key as of a semaphore: at most `of` are out at any time, each
 * hold with a token, a time and a fence of its own. Those who wait are served in order as well, as many
 * of them as fit: a claim never passes one that came before it, however few permits it takes. A key is
 * one kind of lock as long as anybody holds it: a claim of another kind, or of another `of`, rejects
 * with a `LockMisuseError`.
 *
 * Every method is atomic towards all others for the same key and takes one round trip (a wait, and
 * `list`, take many). A lost reply means unknown: the call may have run, and it does not run after
 * the caller stopped waiting. Calling again with the same token gives the answer that was lost. A
 * claim whose call rejected is given up: the driver may release it, so that the next claim needs a
 * new token.
 */
export interface LockDriver {
  /**
   * Takes the lock when nobody holds it (or enough permits are left), and nobody waits for it. For the
   * token that holds it already: as `extend`.
   *
   * With `wait`, a claim that finds the lock busy waits for it, in the order of arrival: a lock that
   * is given back goes to the first of the queue whose process lives, without being free in between.
   * `'busy'` then means that the time is over, or that this driver cannot wait now; the claim waits
   * no longer.
   *
   * @throws InvalidOptionError for a key or time to live that cannot be used
   * @throws LockMisuseError where the key is in use as another kind of lock
   * @throws the reason of the signal; the claim waits no longer
   */
  acquire(claim: LockClaim, wait?: LockWait): Promise<AcquireOutcome>;

  /**
   * Takes the locks of several keys when nobody holds any of them, and nobody waits for any; else
   * none of them. In one step, and so in one round trip, but in a Redis Cluster: there one after
   * the other, in the order given, and those that were taken are given back. Not for permits.
   *
   * @throws LockMisuseError for permits
   */
  acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome>;

  /** Makes the hold last at least `ttlMs` from now, never shorter than it would; holder only. */
  extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome>;

  /**
   * Ends the hold, holder only, or the waiting of a token. Known as released for 10 s, at most until
   * it would have expired.
   */
  release(ref: LockRelease): Promise<ReleaseOutcome>;

  /**
   * Takes the lock away from whoever holds it. Resolves to what was held; `undefined` where nobody
   * holds it, or somebody else than `which` says: then nothing happens. Of a semaphore one hold is
   * taken away.
   *
   * @throws LockMisuseError where several holds of a semaphore fit, and nothing happens
   */
  forceRelease(key: string, which?: WhichHold): Promise<HeldLock | undefined>;

  /**
   * At most `limit` holds, in no order; of one semaphore at most 100. What changes meanwhile may be
   * missed.
   */
  list(limit: number): Promise<readonly HeldLock[]>;
}

/** Names one grant: the lock and the secret that proves who holds it. */
export interface LockRef {
  readonly key: string;
  /** Opaque, made anew for each claim; whoever knows it may extend and release. */
  readonly token: string;
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

/** A hold that was granted or extended. */
export interface LockGrant {
  /** Least time until the driver gives the lock to somebody else, from when it was asked. */
  readonly remainingMs: number;
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
  /** Somebody else holds it, for so long unless it is extended or released. */
  | { readonly outcome: 'busy'; readonly remainingMs: number };

export type ExtendOutcome =
  { readonly outcome: 'extended'; readonly grant: LockGrant } | { readonly outcome: 'lost' };

/** `'lost'`: the token did not hold the lock, because its time was over or it was taken away. */
export type ReleaseOutcome = 'released' | 'lost';

/** A held lock as operators see it. */
export interface HeldLock {
  readonly key: string;
  readonly owner: string;
  /** Enough of the token to tell two holders apart, far too little to act for one. */
  readonly tokenPrefix: string;
  readonly heldMs: number;
  readonly remainingMs: number;
  readonly fence: number | undefined;
}

/** Injection token and contract of what keeps the locks. */
export const LockDriver = Symbol('LockDriver');

/**
 * Keeps locks: at most one token holds a key at any time, until its time is over.
 *
 * Every method is atomic towards all others for the same key and takes one round trip (`list` takes
 * many). A lost reply means unknown: the call may have run, and it does not run after the caller
 * stopped waiting. Calling again with the same token gives the answer that was lost. A claim whose
 * call rejected is given up: the driver may release it, so that the next claim needs a new token.
 */
export interface LockDriver {
  /**
   * Takes the lock when nobody holds it. For the token that holds it already: as `extend`.
   *
   * @throws InvalidOptionError for a key or time to live that cannot be used
   */
  acquire(claim: LockClaim): Promise<AcquireOutcome>;

  /** Makes the hold last at least `ttlMs` from now, never shorter than it would; holder only. */
  extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome>;

  /**
   * Ends the hold; holder only. Known as released for 10 s, at most until it would have expired.
   */
  release(ref: LockRef): Promise<ReleaseOutcome>;

  /** Takes the lock away from whoever holds it. Resolves to what was held. */
  forceRelease(key: string): Promise<HeldLock | undefined>;

  /** At most `limit` held locks, in no order. What changes meanwhile may be missed. */
  list(limit: number): Promise<readonly HeldLock[]>;
}

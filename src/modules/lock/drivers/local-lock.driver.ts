import type {
  AcquireAllOutcome,
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockRef,
  LockRelease,
  ReleaseOutcome,
  WhichHold,
} from '../lock.driver.js';
import { LockBackendDownError } from '../lock.errors.js';
import type { MemoryLockDriver } from './memory-lock.driver.js';
import type { PendingReleases } from './pending-releases.js';

export interface LocalLockDriverOptions {
  /** Also knows what this process holds on Redis; see `TrackingLockDriver`. */
  readonly memory: MemoryLockDriver;
  readonly pending: PendingReleases;
  /** Is Redis away, and not only slow with one call? Or is it yet to take over the lock? */
  readonly mayAnswer: (key?: string) => boolean;
}

/**
 * What answers while Redis is away and the policy is `memory`: locks within this process. Permits are
 * refused.
 *
 * A single call that failed while Redis serves others gets an error instead: this process would
 * else lock in two places at once.
 */
export class LocalLockDriver implements LockDriver {
  readonly #options: LocalLockDriverOptions;

  constructor(options: LocalLockDriverOptions) {
    this.#options = options;
  }

  /** Nobody waits here: the queue is in Redis, and when that is back this process is one of many. */
  async acquire(claim: LockClaim): Promise<AcquireOutcome> {
    return this.#memoryOf(claim).acquire(claim);
  }

  async acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome> {
    for (const claim of claims) this.#memoryOf(claim);
    return this.#options.memory.acquireAll(claims);
  }

  async extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    return this.#memoryOf(ref).extend(ref, ttlMs);
  }

  async release(ref: LockRelease): Promise<ReleaseOutcome> {
    const mayAnswer = this.#options.mayAnswer(ref.key);
    // From before Redis went, or from a call whose reply was lost.
    if (ref.permits !== undefined || this.#options.memory.isShared(ref)) {
      this.#options.pending.add(ref);
    }
    if (ref.permits !== undefined) throw this.#down();
    const answer = await this.#options.memory.release(ref);
    if (!mayAnswer) throw new LockBackendDownError('call');
    return answer;
  }

  async forceRelease(key: string, which?: WhichHold): Promise<HeldLock | undefined> {
    const memory = this.#memory(key);
    const hold = memory.find(key);
    const held = await memory.forceRelease(key, which);
    // Redis would go on keeping others out.
    if (held !== undefined && hold?.standing.isShared) {
      this.#options.pending.add({ key, token: hold.token });
    }
    return held;
  }

  async list(limit: number): Promise<readonly HeldLock[]> {
    return this.#memory().list(limit);
  }

  /** Permits stay closed: nobody here knows how many are left. */
  #memoryOf({ key, permits }: LockRef): MemoryLockDriver {
    if (permits !== undefined) throw this.#down();
    return this.#memory(key);
  }

  #down(): LockBackendDownError {
    return new LockBackendDownError(this.#options.mayAnswer() ? 'outage' : 'call');
  }

  #memory(key?: string): MemoryLockDriver {
    if (!this.#options.mayAnswer(key)) throw new LockBackendDownError('call');
    return this.#options.memory;
  }
}

import { RedisUnavailableError } from '../../../common/redis/index.js';
import type {
  AcquireAllOutcome,
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockGrant,
  LockRef,
  LockRelease,
  LockWait,
  ReleaseOutcome,
  WhichHold,
} from '../lock.driver.js';
import type { MemoryLockDriver } from './memory-lock.driver.js';
import type { PendingReleases } from './pending-releases.js';

export interface TrackingLockDriverOptions {
  readonly redis: LockDriver;
  readonly pending: PendingReleases;
  /**
   * Where the policy is `memory`: learns what this process holds, goes on from there, and gives
   * notice. Of permits nothing: a process cannot know how many are left.
   */
  readonly memory?: MemoryLockDriver | undefined;
}

/**
 * Locks on Redis, with a record of what an outage would leave behind: grants whose reply was lost,
 * and the holds of this process.
 */
export class TrackingLockDriver implements LockDriver {
  readonly #options: TrackingLockDriverOptions;

  constructor(options: TrackingLockDriverOptions) {
    this.#options = options;
  }

  async acquire(claim: LockClaim, wait?: LockWait): Promise<AcquireOutcome> {
    const answer = await this.#claiming([claim], (redis) => redis.acquire(claim, wait));
    if (answer.outcome === 'busy') return answer;
    return { ...answer, grant: this.#adopt(claim, answer.grant) };
  }

  async acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome> {
    const answer = await this.#claiming(claims, (redis) => redis.acquireAll(claims));
    if (answer.outcome === 'busy') return answer;
    const grants = claims.flatMap((claim, index) => {
      const grant = answer.grants[index];
      return grant === undefined ? [] : [this.#adopt(claim, grant)];
    });
    return { outcome: 'acquired', grants };
  }

  async extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    const { redis, memory } = this.#options;
    const answer = await redis.extend(ref, ttlMs);
    if (memory === undefined || ref.permits !== undefined) return answer;
    if (answer.outcome === 'extended') return { ...answer, grant: memory.adopt(ref, answer.grant) };
    await memory.release(ref);
    return answer;
  }

  async release(ref: LockRelease): Promise<ReleaseOutcome> {
    const answer = await this.#options.redis.release(ref);
    if (ref.permits === undefined) await this.#options.memory?.release(ref);
    return answer;
  }

  async forceRelease(key: string, which?: WhichHold): Promise<HeldLock | undefined> {
    const held = await this.#options.redis.forceRelease(key, which);
    await this.#options.memory?.forceRelease(key, which);
    return held;
  }

  list(limit: number): Promise<readonly HeldLock[]> {
    return this.#options.redis.list(limit);
  }

  async #claiming<T>(
    claims: readonly LockClaim[],
    run: (redis: LockDriver) => Promise<T>,
  ): Promise<T> {
    const { redis, pending } = this.#options;
    // Sent first on the same connection, it is out of the way; what Redis does not answer stays
    // pending.
    for (const { key } of claims) pending.hurry(key).catch(() => undefined);
    try {
      return await run(redis);
    } catch (error) {
      const isUnknown = error instanceof RedisUnavailableError && error.outcome === 'unknown';
      if (isUnknown) for (const claim of claims) pending.add(claim);
      throw error;
    }
  }

  #adopt(claim: LockClaim, grant: LockGrant): LockGrant {
    if (claim.permits !== undefined) return grant;
    return this.#options.memory?.adopt(claim, grant) ?? grant;
  }
}

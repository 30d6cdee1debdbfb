import { RedisUnavailableError } from '../../../common/redis/index.js';
import type {
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockRef,
  ReleaseOutcome,
} from '../lock.driver.js';
import type { MemoryLockDriver } from './memory-lock.driver.js';
import type { PendingReleases } from './pending-releases.js';

export interface TrackingLockDriverOptions {
  readonly redis: LockDriver;
  readonly pending: PendingReleases;
  /**
   * Where the policy is `memory`: learns what this process holds, goes on from there, and gives
   * notice.
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

  async acquire(claim: LockClaim): Promise<AcquireOutcome> {
    const { redis, pending, memory } = this.#options;
    // Sent first on the same connection, it is out of the way; what Redis does not answer stays
    // pending.
    pending.hurry(claim.key).catch(() => undefined);
    try {
      const answer = await redis.acquire(claim);
      if (answer.outcome === 'busy' || memory === undefined) return answer;
      return { ...answer, grant: memory.adopt(claim, answer.grant, claim.owner) };
    } catch (error) {
      if (error instanceof RedisUnavailableError && error.outcome === 'unknown') pending.add(claim);
      throw error;
    }
  }

  async extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    const { redis, memory } = this.#options;
    const answer = await redis.extend(ref, ttlMs);
    if (memory === undefined) return answer;
    if (answer.outcome === 'extended') return { ...answer, grant: memory.adopt(ref, answer.grant) };
    await memory.release(ref);
    return answer;
  }

  async release(ref: LockRef): Promise<ReleaseOutcome> {
    const answer = await this.#options.redis.release(ref);
    await this.#options.memory?.release(ref);
    return answer;
  }

  async forceRelease(key: string): Promise<HeldLock | undefined> {
    const held = await this.#options.redis.forceRelease(key);
    await this.#options.memory?.forceRelease(key);
    return held;
  }

  list(limit: number): Promise<readonly HeldLock[]> {
    return this.#options.redis.list(limit);
  }
}

import { type RedisConnection, RedisUnavailableError } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  AcquireAllOutcome,
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockRef,
  LockRelease,
  LockWait,
  ReleaseOutcome,
  WhichHold,
} from '../lock.driver.js';
import { LockMisuseError } from '../lock.errors.js';
import { ExtendBatch } from './extend-batch.js';
import { acquireOneByOne } from './acquire-one-by-one.js';
import type { LockChannel } from './lock-channel.js';
import { grantOf } from './lock-grant.js';
import { LockKeyNames } from './lock-key-names.js';
import { checkHold, checkTogether } from './lock-rules.js';
import { LockScripts, type LockScriptsOptions } from './lock-scripts.js';
import { RedisLockQueue } from './redis-lock-queue.js';
import { heldLock, RedisLockSurvey } from './redis-lock-survey.js';
import { RedisSemaphores } from './redis-semaphores.js';
import { ACQUIRE } from './scripts/lock-acquire.lua.js';
import { ACQUIRE_ALL } from './scripts/lock-acquire-all.lua.js';
import { FORCE_RELEASE } from './scripts/lock-force-release.lua.js';
import { EXTEND } from './scripts/lock-extend.lua.js';
import { RELEASE, type ReleaseReply } from './scripts/lock-release.lua.js';

export interface RedisLockDriverOptions extends LockScriptsOptions {
  /** For grants that were waited for. */
  readonly clock: Clock;
  /** Where this process is told of locks that were handed over to it. */
  readonly channel: LockChannel;
}

/**
 * Locks in Redis: one hash each, which expires with the hold, by the server's clock; permits: see
 * `RedisSemaphores`.
 */
export class RedisLockDriver implements LockDriver {
  readonly #connection: RedisConnection;
  readonly #options: RedisLockDriverOptions;
  readonly #keys: LockKeyNames;
  readonly #scripts: LockScripts;
  readonly #queue: RedisLockQueue;
  readonly #extensions: ExtendBatch<string>;
  readonly #semaphores: RedisSemaphores;
  readonly #survey: RedisLockSurvey;

  constructor(connection: RedisConnection, options: RedisLockDriverOptions) {
    this.#connection = connection;
    this.#options = options;
    const keys = new LockKeyNames(connection.keys);
    const scripts = new LockScripts(connection, options);
    this.#keys = keys;
    const giveBack = (ref: LockRef): void => this.#giveBack(ref);
    this.#scripts = scripts;
    this.#queue = new RedisLockQueue(connection, { ...options, keys, scripts, giveBack });
    this.#extensions = new ExtendBatch(scripts, EXTEND, connection.topology === 'cluster');
    this.#semaphores = new RedisSemaphores(connection, { ...options, keys, scripts });
    this.#survey = new RedisLockSurvey(connection, keys);
  }

  async acquire(claim: LockClaim, wait?: LockWait): Promise<AcquireOutcome> {
    checkHold(claim.key, claim.ttlMs);
    if (wait !== undefined && wait.waitMs > 0) return this.#wait(claim, wait);
    if (claim.permits !== undefined) return this.#semaphores.acquire(claim);
    const { outsideBudget = false } = claim;
    const call = { keys: this.#keys.all(claim.key), args: claim, outsideBudget };
    const reply = await this.#scripts.grant(ACQUIRE, call, ({ isAcquired }) => isAcquired);
    if (!reply.isAcquired) return { outcome: 'busy', remainingMs: reply.ms };
    return { outcome: 'acquired', grant: grantOf(reply.ms, reply.fence) };
  }

  async acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome> {
    checkTogether(claims);
    if (this.#connection.topology === 'cluster') return acquireOneByOne(this, claims);
    for (const { key, ttlMs } of claims) checkHold(key, ttlMs);
    const outsideBudget = claims[0]?.outsideBudget === true;
    const call = {
      keys: claims.map(({ key }) => this.#keys.all(key)),
      args: claims,
      outsideBudget,
    };
    const reply = await this.#scripts.grant(ACQUIRE_ALL, call, ({ word }) => word === 'acquired');
    if (reply.word === 'acquired') {
      const grants = reply.grants.map(({ ms, fence }) => grantOf(ms, fence));
      return { outcome: 'acquired', grants };
    }
    return { outcome: 'busy', key: claims[reply.index]?.key ?? '', remainingMs: reply.ms };
  }

  async extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    checkHold(ref.key, ttlMs);
    const asked =
      ref.permits === undefined
        ? this.#extensions.extend(this.#keys.lock(ref.key), { ref, ttlMs })
        : this.#semaphores.extend(ref, ttlMs);
    const reply = await asked.catch(lost);
    if (reply === undefined) return { outcome: 'lost' };
    return { outcome: 'extended', grant: grantOf(reply.ms, reply.fence) };
  }

  async release(ref: LockRelease): Promise<ReleaseOutcome> {
    const askedAt = this.#options.clock.monotonic();
    const { key, permits } = ref;
    const asked = permits === undefined ? this.#release(ref) : this.#semaphores.release(ref);
    const reply = await asked.catch(lost);
    if (reply === undefined) return 'lost';
    for (const next of reply.next) {
      // Whoever it was handed over to may have stopped waiting just now.
      if (!this.#queue.take(next, askedAt)) this.#giveBack({ key, token: next.token, permits });
    }
    return reply.outcome;
  }

  async forceRelease(key: string, which: WhichHold = {}): Promise<HeldLock | undefined> {
    // No longer than other calls: once the gate opens, all of them may be on their way still.
    const call = { keys: this.#keys.all(key), args: which, isSurvey: true };
    try {
      return heldLock(key, await this.#scripts.run(FORCE_RELEASE, call));
    } catch (error) {
      if (!(error instanceof LockMisuseError)) throw error;
      return this.#semaphores.forceRelease(key, which);
    }
  }

  list(limit: number): Promise<readonly HeldLock[]> {
    return this.#survey.list(limit);
  }

  #release({ key, token, holdAtLeastMs = 0 }: LockRelease): Promise<ReleaseReply> {
    const keys = this.#keys.all(key);
    return this.#scripts.run(RELEASE, {
      keys: { ...keys, released: this.#keys.released(keys.lock, token) },
      args: { token, channel: this.#options.channel.name, holdAtLeastMs },
      // A release that is refused because its request has used up its time would leave the lock
      // standing.
      outsideBudget: true,
    });
  }

  async #wait(claim: LockClaim, wait: LockWait): Promise<AcquireOutcome> {
    try {
      const answer = await this.#queue.acquire(claim, wait);
      if (answer.outcome === 'busy') await this.#leave(claim);
      return answer;
    } catch (error) {
      // An outage leaves nothing to be asked, and what the claim left behind is the caller's to know.
      if (!(error instanceof RedisUnavailableError)) await this.#leave(claim);
      throw error;
    }
  }

  /** Also where this is never sent, what the claim left behind is unknown. */
  async #leave(claim: LockClaim): Promise<void> {
    try {
      await this.release(claim);
    } catch (error) {
      if (!(error instanceof RedisUnavailableError) || error.outcome === 'unknown') throw error;
      throw new RedisUnavailableError('deadline', { cause: error });
    }
  }

  /** Should this be lost, the release that the end of the waiting made is still tried. */
  #giveBack(ref: LockRef): void {
    this.release(ref).catch(() => undefined);
  }
}

/** A hold whose key something else uses by now. @throws every other error as it is */
function lost(error: unknown): undefined {
  if (!(error instanceof LockMisuseError)) throw error;
}

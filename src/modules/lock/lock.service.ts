import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { type HeldLock, type LockClaim, LockDriver, type ReleaseOutcome } from './lock.driver.js';
import { LockBackendDownError, LockBusyError, LockWaitTimeoutError } from './lock.errors.js';
import { LOCK_OPTIONS } from './lock.module-definition.js';
import {
  type AcquireOptions,
  type HoldOptions,
  resolveAcquire,
  type ResolvedLockOptions,
  resolveHold,
} from './lock.options.js';
import { LockHandle } from './lock-handle.js';
import { type Attempt, pollUntilGranted, type Waiting } from './lock-waiting.js';
import './lock.events.js';

/** 128 bits: nobody guesses it and no two are the same. */
const TOKEN_BYTES = 16;

type UnprovenClaim = Omit<LockClaim, 'token'>;

/**
 * Mutual exclusion between everything that uses the same Redis: at most one holder of a key at any
 * time, until its time is over.
 *
 * While Redis is away every method fails with `E_LOCK_BACKEND_DOWN` within the deadline, unless the
 * policy is `memory`.
 */
@Injectable()
export class LockService {
  constructor(
    @Inject(LockDriver) private readonly driver: LockDriver,
    @Inject(LOCK_OPTIONS) private readonly options: ResolvedLockOptions,
    @Inject(EventStream) private readonly events: EventStream,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Takes the lock when it is free; else `undefined`, at once.
   *
   * @throws InvalidOptionError for a wrong ttl, or a key that is empty or longer than 1 kB
   * @throws LockBackendDownError
   */
  async tryAcquire(key: string, options: HoldOptions): Promise<LockHandle | undefined> {
    const { ttlMs } = resolveHold(options);
    const tried = await this.#attempt(this.#claim(key, ttlMs));
    if ('failure' in tried) throw tried.failure;
    return 'lock' in tried ? this.#acquired(tried.lock, 0) : undefined;
  }

  /**
   * Takes the lock, waiting for it at most `wait` and one deadline. With `wait`, a try that went
   * unanswered while Redis serves others only counts as one that failed.
   *
   * @throws LockBusyError without `wait` @throws LockWaitTimeoutError when it stayed busy
   * @throws LockBackendDownError when Redis is away, or answered no try at all
   * @throws InvalidOptionError @throws the reason of the signal
   */
  async acquire(key: string, options: AcquireOptions): Promise<LockHandle> {
    const { ttlMs, waitMs, signal } = resolveAcquire(options);
    signal?.throwIfAborted();
    const claim = this.#claim(key, ttlMs, waitMs > 0);
    const tried = await this.#attempt(claim, signal);
    if ('lock' in tried) return this.#acquired(tried.lock, 0);
    if (waitMs > 0) return this.#wait(claim, tried, { waitMs, signal, clock: this.clock });
    throw 'failure' in tried ? tried.failure : new LockBusyError(key, tried.busyMs);
  }

  /**
   * Runs `fn` while holding the lock and gives it back, whatever `fn` comes to.
   *
   * @throws LockLostError when `fn` came to an end without the lock: it may not have been alone
   * @throws whatever `fn` throws, or `acquire`
   * @example
   * await locks.withLock('import:42', { ttl: '30s' }, async (lock) => {
   *   for (const row of rows) {
   *     lock.assertHeld();
   *     await store(row);
   *   }
   * });
   */
  async withLock<T>(
    key: string,
    options: AcquireOptions,
    fn: (lock: LockHandle) => T | Promise<T>,
  ): Promise<T> {
    const lock = await this.acquire(key, options);
    let value: T;
    try {
      value = await fn(lock);
    } catch (error) {
      await releaseQuietly(lock);
      throw error;
    }
    await lock[Symbol.asyncDispose]();
    return value;
  }

  /** As `lock.release()`. */
  release(lock: LockHandle): Promise<ReleaseOutcome> {
    return lock.release();
  }

  /** As `lock.extend(ttl)`. */
  extend(lock: LockHandle, options: Partial<HoldOptions> = {}): Promise<'extended' | 'lost'> {
    return lock.extend(options.ttl);
  }

  /**
   * Held locks, at most `limit`, in no order. Takes time in proportion to all keys of the server.
   */
  async list(limit: number): Promise<readonly HeldLock[]> {
    return this.driver.list(parseOptions(positiveInteger(), limit, 'limit'));
  }

  /**
   * Takes the lock away from its holder, who finds out when it extends or releases. For operators.
   * Resolves to what was held.
   */
  forceRelease(key: string): Promise<HeldLock | undefined> {
    return this.driver.forceRelease(key);
  }

  /** The one place that knows how waiting is done. */
  async #wait(
    claim: UnprovenClaim,
    first: Attempt<LockHandle>,
    waiting: Waiting,
  ): Promise<LockHandle> {
    const { key } = claim;
    const startedAt = this.clock.monotonic();
    let outcome: 'acquired' | 'timeout' | 'failed' = 'failed';
    const waitedMs = (): number => Math.round(this.clock.monotonic() - startedAt);
    try {
      const attempt = () => this.#attempt(claim, waiting.signal);
      const waited = await pollUntilGranted(attempt, first, waiting);
      if ('lock' in waited) {
        outcome = 'acquired';
        return this.#acquired(waited.lock, waitedMs());
      }
      if (!waited.wasBusy) throw waited.failure;
      outcome = 'timeout';
      throw new LockWaitTimeoutError(key, waiting.waitMs, waited.failure);
    } finally {
      this.events.emit('lock.waited', { key, waitedMs: waitedMs(), outcome });
    }
  }

  /**
   * Every try has a token of its own, because what became of the one before may still be made up
   * for. A grant that nobody wants any more, or that was over before it arrived, is given back.
   *
   * @throws LockBackendDownError when Redis is away
   */
  async #attempt(asked: UnprovenClaim, signal?: AbortSignal): Promise<Attempt<LockHandle>> {
    const claim = { ...asked, token: randomBytes(TOKEN_BYTES).toString('base64url') };
    const askedAt = this.clock.monotonic();
    const answer = await this.driver.acquire(claim).catch(failureOfCall);
    if ('failure' in answer) return answer;
    if (answer.outcome === 'busy') return { busyMs: answer.remainingMs };
    const { driver, clock, events } = this;
    const lock = new LockHandle({ driver, clock, events }, { claim, grant: answer.grant, askedAt });
    if (lock.isHeld && !signal?.aborted) return { lock };
    await releaseQuietly({ release: () => driver.release(claim) });
    signal?.throwIfAborted();
    return { busyMs: 0 };
  }

  #acquired(lock: LockHandle, waitedMs: number): LockHandle {
    this.events.emit('lock.acquired', { key: lock.key, waitedMs });
    return lock;
  }

  #claim(key: string, ttlMs: number, outsideBudget = false): UnprovenClaim {
    return { key, ttlMs, owner: this.options.owner, outsideBudget };
  }
}

/** @throws every error but that of a call which alone went unanswered */
function failureOfCall(error: unknown): { readonly failure: Error } {
  if (error instanceof LockBackendDownError && error.scope === 'call') return { failure: error };
  throw error;
}

/** For a caller who is told something else already; a release that Redis missed is made up for. */
async function releaseQuietly(lock: { release(): Promise<unknown> }): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof LockBackendDownError)) throw error;
  }
}

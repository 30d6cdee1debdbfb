import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import { parseOptions, positiveInteger } from '../../common/options/index.js';
import { CLOCK, type Clock, type Duration } from '../../common/time/index.js';
import { underLock } from './current-lock.js';
import {
  type AcquireOptions,
  type HoldOptions,
  type LockKey,
  resolveAcquire,
  type ResolvedAcquire,
  resolveKeys,
  type SkipOptions,
} from './hold.options.js';
import { type HeldLock, LockDriver, type ReleaseOutcome, type WhichHold } from './lock.driver.js';
import { LockBusyError, LockMisuseError, LockWaitTimeoutError } from './lock.errors.js';
import { LOCK_OPTIONS } from './lock.module-definition.js';
import type { ResolvedLockOptions } from './lock.options.js';
import { LockAcquirer, releaseQuietly, type WantedLocks } from './lock-acquirer.js';
import { LockHandle } from './lock-handle.js';
import { LockKeeper } from './lock-keeper.js';
import { tryUntilGranted } from './lock-waiting.js';
import './lock.events.js';

/**
 * Mutual exclusion between everything that uses the same Redis: at most one holder of a key at any
 * time, until its time is over; or as many as there are permits, or readers. Holds are extended by themselves as long as their process lives.
 *
 * While Redis is away every method fails with `E_LOCK_BACKEND_DOWN` within the deadline, unless the
 * policy is `memory`.
 */
@Injectable()
export class LockService implements OnApplicationShutdown {
  readonly #keeper: LockKeeper;
  readonly #acquirer: LockAcquirer;

  constructor(
    @Inject(LockDriver) private readonly driver: LockDriver,
    @Inject(LOCK_OPTIONS) options: ResolvedLockOptions,
    @Inject(EventStream) private readonly events: EventStream,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    const { owner } = options;
    this.#keeper = new LockKeeper(clock);
    this.#acquirer = new LockAcquirer({ driver, clock, events, owner, keeper: this.#keeper });
  }

  /**
   * Takes the lock when it is free; else `undefined`, at once. Of several keys all or none.
   *
   * @throws LockMisuseError for a wrong option or key @throws LockBackendDownError
   */
  async tryAcquire(key: LockKey, options: HoldOptions): Promise<LockHandle | undefined> {
    return this.#acquire(key, resolveAcquire({ ...options, mode: 'skip' }));
  }

  /**
   * Takes the lock, waiting for it at most `wait` and one deadline: whoever came first is first
   * served. Of several keys all or none. With `wait`, a try that went unanswered while Redis serves
   * others only counts as one that failed.
   *
   * @throws LockBusyError without `wait` @throws LockWaitTimeoutError when it stayed busy
   * @throws LockBackendDownError when Redis is away, or answered no try at all
   * @throws LockMisuseError for a wrong option or key @throws the reason of the signal
   */
  async acquire(key: LockKey, options: AcquireOptions): Promise<LockHandle> {
    const lock = await this.#acquire(key, resolveAcquire(options));
    // Only a caller without types can have asked for that.
    if (lock === undefined)
      throw new LockMisuseError('mode', '"skip" is for tryAcquire or withLock');
    return lock;
  }

  /**
   * Runs `fn` while holding the lock and gives it back, whatever `fn` comes to. With the mode
   * `'skip'` and a busy lock, `fn` is not run, and the answer is `undefined`.
   *
   * @throws LockLostError when `fn` came to an end without the lock: it may not have been alone
   * @throws whatever `fn` throws, or `acquire`
   * @example
   * await locks.withLock('import:42', { ttl: '30s' }, async ({ signal, fence }) => {
   *   for await (const row of rows(signal)) await store(row, fence);
   * });
   */
  withLock<T>(key: LockKey, options: AcquireOptions, fn: UnderLock<T>): Promise<T>;
  withLock<T>(
    key: LockKey,
    options: AcquireOptions | SkipOptions,
    fn: UnderLock<T>,
  ): Promise<T | undefined>;
  async withLock<T>(
    key: LockKey,
    options: AcquireOptions | SkipOptions,
    fn: UnderLock<T>,
  ): Promise<T | undefined> {
    const lock = await this.#acquire(key, resolveAcquire(options));
    if (lock === undefined) return undefined;
    let value: T;
    try {
      value = await underLock(lock, fn);
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
  extend(
    lock: LockHandle,
    options: { readonly ttl?: Duration } = {},
  ): Promise<'extended' | 'lost'> {
    return lock.extend(options.ttl);
  }

  /**
   * Held locks, at most `limit`, in no order. Takes time in proportion to all keys of the server.
   */
  async list(limit: number): Promise<readonly HeldLock[]> {
    return this.driver.list(parseOptions(positiveInteger(), limit, 'limit'));
  }

  /**
   * Takes the lock away from its holder, who finds out when it is extended, and gives it to the
   * first who waits. For operators. Resolves to what was held; `undefined` where nobody holds it, or
   * somebody else by now than the one that is meant: then nothing happens.
   */
  async forceRelease(
    key: string,
    options: ForceReleaseOptions = {},
  ): Promise<HeldLock | undefined> {
    const { by, ...which } = options;
    const held = await this.driver.forceRelease(key, which);
    if (held !== undefined) {
      const { owner, heldMs, fence } = held;
      this.events.emit('lock.force-released', { key, owner, heldMs, fence, by });
    }
    return held;
  }

  /** Extends nothing any more: locks that are still held end with their time. */
  onApplicationShutdown(): void {
    this.#keeper.stop();
  }

  /** `undefined` where it is busy and the mode is `'skip'`. */
  async #acquire(key: LockKey, asked: ResolvedAcquire): Promise<LockHandle | undefined> {
    const { mode, signal, within, permits } = asked;
    const keys = resolveKeys(key, asked);
    const wanted = { terms: asked, keys, outsideBudget: mode === 'wait' };
    signal?.throwIfAborted();
    const again = { keeper: this.#keeper, keys, permits };
    const entered = within && LockHandle.enterWithin(within, again);
    if (entered !== undefined) return entered;
    if (mode === 'wait') return this.#wait(wanted, asked);
    const tried = await this.#acquirer.attempt(wanted, { waitMs: 0, signal });
    if ('failure' in tried) throw tried.failure;
    if ('lock' in tried) return this.#acquired(tried.lock, 0);
    if (mode === 'skip') return undefined;
    throw new LockBusyError(wanted.keys.join(','), tried.busyMs);
  }

  async #wait(wanted: WantedLocks, { waitMs, signal }: ResolvedAcquire): Promise<LockHandle> {
    const key = wanted.keys.join(',');
    const startedAt = this.clock.monotonic();
    let outcome: 'acquired' | 'timeout' | 'failed' = 'failed';
    const waitedMs = (): number => Math.round(this.clock.monotonic() - startedAt);
    try {
      const attempt = (leftMs: number) =>
        this.#acquirer.attempt(wanted, { waitMs: leftMs, signal });
      const waited = await tryUntilGranted(attempt, { waitMs, signal, clock: this.clock });
      if ('lock' in waited) {
        outcome = 'acquired';
        return this.#acquired(waited.lock, waitedMs());
      }
      if (!waited.wasBusy) throw waited.failure;
      outcome = 'timeout';
      throw new LockWaitTimeoutError(key, waitMs, waited.failure);
    } finally {
      this.events.emit('lock.waited', { key, waitedMs: waitedMs(), outcome });
    }
  }

  #acquired(lock: LockHandle, waitedMs: number): LockHandle {
    this.events.emit('lock.acquired', { key: lock.key, waitedMs });
    return lock;
  }
}

/** Whose hold an operator ends: without a fence or the beginning of a token, that of anybody. */
export interface ForceReleaseOptions extends WhichHold {
  /** Who does it, for the event. */
  readonly by?: string | undefined;
}

/** What runs while a lock is held. */
export type UnderLock<T> = (lock: LockHandle) => T | Promise<T>;

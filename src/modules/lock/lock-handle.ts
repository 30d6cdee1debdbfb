import type { EventStream } from '../../common/events/index.js';
import { type Clock, type Duration, parseDuration } from '../../common/time/index.js';
import type { LockClaim, LockDriver, LockGrant, ReleaseOutcome } from './lock.driver.js';
import { LockBackendDownError, LockLostError, LockMisuseError } from './lock.errors.js';
import './lock.events.js';

/** What a handle works with. */
export interface LockHandleContext {
  readonly driver: LockDriver;
  readonly clock: Clock;
  readonly events: EventStream;
}

/** A claim that was granted. */
export interface GrantedClaim {
  readonly claim: LockClaim;
  readonly grant: LockGrant;
  /** Monotonic time from before the request was sent. */
  readonly askedAt: number;
}

/**
 * A lock that was granted, and how long it may be relied on.
 *
 * `isHeld` errs on the safe side: its deadline counts from before the request was sent, by a clock
 * nobody can set, so it is over no later than the hold itself, whether or not Redis can be asked.
 * Once it is `false` it stays so.
 *
 * @example
 * await using lock = await locks.acquire('import:42', { ttl: '30s', wait: '5s' });
 * await step();
 * lock.assertHeld();
 * await nextStep();
 */
export class LockHandle implements AsyncDisposable {
  readonly #context: LockHandleContext;
  readonly #claim: LockClaim;
  readonly #acquiredAt: number;
  #grant: LockGrant;
  #deadline: number;
  #isLost = false;
  #isEnded = false;
  #releasing: Promise<ReleaseOutcome> | undefined;
  /** The same one for every grant of the hold. */
  readonly #onLost = (): void => void this.#lose();

  constructor(context: LockHandleContext, { claim, grant, askedAt }: GrantedClaim) {
    this.#context = context;
    this.#claim = claim;
    this.#grant = grant;
    this.#acquiredAt = context.clock.monotonic();
    this.#deadline = askedAt + grant.remainingMs;
    grant.onLost?.(this.#onLost);
  }

  get key(): string {
    return this.#claim.key;
  }

  /**
   * The fencing token: greater than that of everybody who held the lock before. Whoever writes to a
   * store while holding the lock gives it to the store, which refuses a number smaller than the
   * greatest it has seen; see `FencedWrites`, and docs/lock.md for SQL.
   */
  get fence(): number {
    const { fence } = this.#grant;
    if (fence === undefined) throw new LockMisuseError('fence', 'was not asked for');
    return fence;
  }

  /** May it be relied on now? Costs nothing. */
  get isHeld(): boolean {
    return this.remainingMs > 0;
  }

  /** How long it may be relied on, unless it is extended; 0 once it is lost or released. */
  get remainingMs(): number {
    if (this.#isEnded || this.#isLost || !this.#grant.stands()) return 0;
    return Math.max(0, this.#deadline - this.#context.clock.monotonic());
  }

  /** @throws LockLostError when it may not be relied on any more, or was released */
  assertHeld(): void {
    if (this.isHeld) return;
    this.#lose();
    throw new LockLostError(this.key);
  }

  /**
   * Makes the hold last at least `ttl` from now, never shorter than it would. A hold that is over
   * for `isHeld` cannot be extended.
   *
   * @param ttl @default the time to live it was acquired with
   * @throws LockBackendDownError when Redis does not answer; the hold lasts as long as it would
   */
  async extend(ttl?: Duration): Promise<'extended' | 'lost'> {
    const ttlMs = ttl === undefined ? this.#claim.ttlMs : parseDuration(ttl, 'ttl');
    if (!this.isHeld) return this.#lose();
    const askedAt = this.#context.clock.monotonic();
    const answer = await this.#context.driver.extend(this.#claim, ttlMs);
    // Over meanwhile: somebody may have acted on that, so it must not come back.
    if (answer.outcome === 'lost' || !this.isHeld) return this.#lose();
    this.#grant = answer.grant;
    this.#grant.onLost?.(this.#onLost);
    this.#deadline = Math.max(this.#deadline, askedAt + answer.grant.remainingMs);
    return 'extended';
  }

  /**
   * Gives the lock back. `'lost'`: it was not held any more, and may be somebody else's now, who is
   * not disturbed. Called again it gives the same answer.
   *
   * @throws LockBackendDownError when Redis does not answer; the release is made up for when it does
   */
  release(): Promise<ReleaseOutcome> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  /**
   * Ends the block of an `await using`. Where the lock was released already, it does nothing; where
   * Redis is away and the hold was not over, the release is made up for later.
   *
   * @throws LockLostError when the lock was lost before
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnded) return;
    const wasHeld = this.isHeld;
    try {
      if ((await this.release()) === 'released') return;
    } catch (error) {
      if (!(error instanceof LockBackendDownError)) throw error;
      if (wasHeld) return;
      this.#reportLost();
      throw new LockLostError(this.key, { cause: error });
    }
    throw new LockLostError(this.key);
  }

  async #release(): Promise<ReleaseOutcome> {
    const stood = this.#grant.stands();
    this.#isEnded = true;
    try {
      const answer = await this.#context.driver.release(this.#claim);
      if (answer === 'released' && stood && !this.#isLost) this.#emit('lock.released');
      else this.#reportLost();
      return this.#isLost ? 'lost' : 'released';
    } catch (error) {
      this.#releasing = undefined;
      throw error;
    }
  }

  /** Nothing is lost by a holder that gave it back. */
  #lose(): 'lost' {
    if (!this.#isEnded) this.#reportLost();
    return 'lost';
  }

  #reportLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#emit('lock.lost');
  }

  #emit(name: 'lock.released' | 'lock.lost'): void {
    const heldMs = Math.round(this.#context.clock.monotonic() - this.#acquiredAt);
    this.#context.events.emit(name, { key: this.key, heldMs });
  }
}

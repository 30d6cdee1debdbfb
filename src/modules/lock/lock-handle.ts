import type { EventStream } from '../../common/events/index.js';
import { type Clock, type Duration, parseDuration } from '../../common/time/index.js';
import type { Permits, ReleaseOutcome } from './lock.driver.js';
import { LockBackendDownError, LockLostError, LockMisuseError } from './lock.errors.js';
import './lock.events.js';
import type { LockHold } from './lock-hold.js';
import type { LockKeeper } from './lock-keeper.js';
import { LookingSignal } from './lock-signal.js';

/** What a handle works with. */
export interface LockHandleContext {
  readonly clock: Clock;
  readonly events: EventStream;
  readonly ttlMs: number;
}

/** What is asked for again. */
export interface EnteredLocks {
  /** Of the service that is asked. */
  readonly keeper: LockKeeper;
  readonly keys: readonly string[];
  readonly permits: Permits | undefined;
}

/** How a hold came to have one handle more. */
interface Again {
  readonly first: LockHandle;
  readonly keys: readonly string[];
}

/**
 * A lock that was granted, or several, and how long it may be relied on. It is extended by itself
 * until it is released, lost, or held for `maxHold`.
 *
 * `isHeld` and `signal` err on the safe side: their deadline counts from before the request was sent,
 * by a clock nobody can set, so it is over no later than the hold itself, whether or not Redis can be
 * asked, timers were late, or the process was stopped. Once it is over it stays so.
 *
 * A lock that was entered again `within` another handle has a handle of its own for the same hold:
 * each counts, and the hold is given back with the last of them.
 *
 * Its methods may be taken out of it: `({ signal, assertHeld }) => …`.
 *
 * @example
 * await using lock = await locks.acquire('import:42', { ttl: '30s', wait: '5s' });
 * await fetch(source, { signal: lock.signal });
 * lock.assertHeld();
 * await nextStep();
 */
export class LockHandle implements AsyncDisposable {
  readonly #hold: LockHold;
  readonly #context: LockHandleContext;
  /** The handle that the hold was granted to: it reports, and has the signal, for all. */
  readonly #first: LockHandle;
  /** Of a lock that was entered again: what was asked for then. */
  readonly #entered: readonly string[] | undefined;
  readonly #acquiredAt: number;
  #isLost = false;
  #hasLeft = false;
  #releasing: Promise<ReleaseOutcome> | undefined;
  #looking: LookingSignal | undefined;

  constructor(hold: LockHold, context: LockHandleContext, again?: Again) {
    this.#hold = hold;
    this.#context = context;
    this.#first = again?.first ?? this;
    this.#entered = again?.keys;
    this.#acquiredAt = context.clock.monotonic();
    hold.enter();
    if (again === undefined) hold.onLost(() => this.#reportLost());
  }

  /**
   * Enters locks again that a handle holds: asks nobody. `undefined` where it holds none of them.
   *
   * @throws LockLostError where it lost its own @throws LockMisuseError where it was released, is of
   * another service, or holds some of them only, or less of one
   */
  static enterWithin(
    outer: LockHandle,
    { keeper, keys, permits }: EnteredLocks,
  ): LockHandle | undefined {
    // Its keys mean other locks: those of another Redis, or under another prefix.
    if (!outer.#hold.isKeptBy(keeper)) {
      throw new LockMisuseError('within', 'was acquired by another LockService');
    }
    if (outer.#hasLeft) throw new LockMisuseError('within', 'was released');
    outer.assertHeld();
    const missing = keys.filter((key) => !outer.#hold.keys.includes(key));
    if (missing.length === keys.length) return undefined;
    if (missing.length > 0) {
      const names = missing.map((key) => `"${key}"`).join(', ');
      throw new LockMisuseError('within', `does not hold ${names}, but others of the keys`);
    }
    if (!keys.every((key) => outer.#hold.covers(key, permits))) {
      throw new LockMisuseError('within', 'holds the key as another kind of lock, or less of it');
    }
    return new LockHandle(outer.#hold, outer.#context, { first: outer.#first, keys });
  }

  /** Of the lock; of several, all of them with commas in between. */
  get key(): string {
    return this.keys.join(',');
  }

  /** Sorted. */
  get keys(): readonly string[] {
    return this.#entered ?? this.#hold.keys;
  }

  /**
   * The fencing token: greater than that of everybody who held the lock before. Whoever writes to a
   * store while holding the lock gives it to the store, which refuses a number smaller than the
   * greatest it has seen; see `fencedWrite`, and docs/lock.md for SQL.
   *
   * @throws LockMisuseError where several locks are held (`fenceOf`), or none was asked for
   */
  get fence(): number {
    const [key = '', ...others] = this.keys;
    if (others.length > 0) throw new LockMisuseError('fence', 'is one for each key: see fenceOf');
    return this.#hold.fenceOf(key);
  }

  /** The fencing token of one of several locks. @throws LockMisuseError where it has none */
  fenceOf(key: string): number {
    return this.#hold.fenceOf(key);
  }

  /** May it be relied on now? Costs nothing. */
  get isHeld(): boolean {
    return this.remainingMs > 0;
  }

  /** How long it may be relied on, unless it is extended; 0 once it is lost or released. */
  get remainingMs(): number {
    return this.#hasLeft ? 0 : this.#hold.remainingMs;
  }

  /**
   * Aborted, with a `LockLostError`, when it may not be relied on any more; not by its own release.
   * `aborted` is right at any time, also where no timer could run.
   */
  get signal(): AbortSignal {
    const first = this.#first;
    first.#looking ??= new LookingSignal(() => first.#whyOver());
    return first.#looking.signal;
  }

  /** @throws LockLostError when it may not be relied on any more, or was released */
  readonly assertHeld = (): void => {
    if (this.isHeld) return;
    if (!this.#hasLeft) this.#hold.lose();
    throw new LockLostError(this.key);
  };

  /**
   * Makes the hold last at least `ttl` from now, never shorter than it would, also beyond `maxHold`.
   * A hold that is over for `isHeld` cannot be extended.
   *
   * @param ttl @default the time to live it was acquired with
   * @throws LockBackendDownError when Redis does not answer; the hold lasts as long as it would
   */
  readonly extend = async (ttl?: Duration): Promise<'extended' | 'lost'> => {
    const ttlMs = ttl === undefined ? this.#context.ttlMs : parseDuration(ttl, 'ttl');
    return this.#hasLeft ? 'lost' : this.#hold.extend(ttlMs);
  };

  /**
   * Says that the work goes on, for a hold with `beatWithin`; costs next to nothing. For others, and
   * from a handle that was released, it changes nothing.
   */
  readonly beat = (): void => {
    if (!this.#hasLeft) this.#hold.beat();
  };

  /**
   * Gives the lock back; of a lock that was entered again, when all its handles were released.
   * `'lost'`: it was not held any more, and may be somebody else's now, who is not disturbed. Called
   * again it gives the same answer.
   *
   * @throws LockBackendDownError when Redis does not answer; the release is made up for when it does
   */
  readonly release = (): Promise<ReleaseOutcome> => {
    this.#releasing ??= this.#release();
    return this.#releasing;
  };

  /**
   * Ends the block of an `await using`. Where the lock was released already, it does nothing; where
   * Redis is away and the hold was not over, the release is made up for later.
   *
   * @throws LockLostError when the lock was lost before
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasLeft) return;
    const wasHeld = this.isHeld;
    try {
      if ((await this.release()) === 'released') return;
    } catch (error) {
      if (!(error instanceof LockBackendDownError)) throw error;
      if (wasHeld) return;
      this.#first.#reportLost();
      throw new LockLostError(this.key, { cause: error });
    }
    throw new LockLostError(this.key);
  }

  async #release(): Promise<ReleaseOutcome> {
    const first = this.#first;
    if (!this.#hasLeft) this.#hold.leave();
    this.#hasLeft = true;
    if (this.#hold.isEntered) return this.#hold.remainingMs > 0 ? 'released' : this.#hold.lose();
    try {
      const answer = await this.#hold.release();
      if (answer === 'lost') first.#reportLost();
      else if (!first.#isLost) first.#emit('lock.released');
      return first.#isLost ? 'lost' : 'released';
    } catch (error) {
      this.#releasing = undefined;
      throw error;
    }
  }

  #whyOver(): LockLostError | undefined {
    if (this.#hold.remainingMs > 0 || this.#hold.isEnded) return undefined;
    this.#hold.lose();
    return new LockLostError(this.key);
  }

  #reportLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#emit('lock.lost');
    this.#looking?.look();
  }

  #emit(name: 'lock.released' | 'lock.lost'): void {
    const heldMs = Math.round(this.#context.clock.monotonic() - this.#acquiredAt);
    this.#context.events.emit(name, { key: this.key, heldMs });
  }
}

import type { EventStream } from '../../common/events/index.js';
import type { ResolvedHold } from './hold.options.js';
import type { AcquireOutcome, LockClaim, LockWait } from './lock.driver.js';
import { LockBackendDownError } from './lock.errors.js';
import { LockHandle } from './lock-handle.js';
import { type GrantedClaim, LockHold, type LockHoldContext } from './lock-hold.js';
import { makeToken } from './lock-token.js';
import type { Attempt } from './lock-waiting.js';

export interface LockAcquirerContext extends LockHoldContext {
  readonly events: EventStream;
  /** For people: who holds the locks. */
  readonly owner: string;
}

/** What is wanted. */
export interface WantedLocks {
  readonly terms: ResolvedHold;
  /** Sorted. */
  readonly keys: readonly string[];
  /** The caller waits on purpose, longer than its request may wait for Redis. */
  readonly outsideBudget: boolean;
}

/** Tries to take locks. */
export class LockAcquirer {
  readonly #context: LockAcquirerContext;

  constructor(context: LockAcquirerContext) {
    this.#context = context;
  }

  /**
   * One try, which waits for as long as it is told to. Every try has a token of its own, because what
   * became of the one before may still be made up for. A grant that nobody wants any more, or that
   * was over before it arrived, is given back.
   *
   * @throws LockBackendDownError when Redis is away @throws the reason of the signal
   */
  async attempt(wanted: WantedLocks, wait: LockWait): Promise<Attempt<LockHandle>> {
    const { clock, events } = this.#context;
    const hold = new LockHold(this.#context, wanted.terms);
    let busyMs: number | undefined;
    try {
      busyMs = await this.#take(hold, wanted, wait);
    } catch (error) {
      wait.signal?.throwIfAborted();
      return failureOfCall(error);
    }
    if (busyMs === undefined && hold.remainingMs > 0 && !wait.signal?.aborted) {
      hold.begin();
      return { lock: new LockHandle(hold, { clock, events, ttlMs: wanted.terms.ttlMs }) };
    }
    await abandon(hold);
    wait.signal?.throwIfAborted();
    return { busyMs: busyMs ?? 0 };
  }

  /** Resolves to for how long they are busy; `undefined` when all are held. */
  async #take(hold: LockHold, wanted: WantedLocks, wait: LockWait): Promise<number | undefined> {
    const [only, ...others] = wanted.keys.map((key) => this.#claim(key, wanted));
    if (only === undefined) return undefined;
    if (others.length === 0) return this.#takeOne(hold, only, wait);
    const claims = [only, ...others];
    const askedAt = this.#context.clock.monotonic();
    const answer = await this.#context.driver.acquireAll(claims);
    if (answer.outcome === 'busy') {
      return wait.waitMs > 0 ? this.#takeInOrder(hold, wanted, wait) : answer.remainingMs;
    }
    for (const [index, claim] of claims.entries()) {
      const grant = answer.grants[index];
      if (grant !== undefined) hold.add({ claim, grant, askedAt });
    }
    return undefined;
  }

  /** One after the other, under one time limit; those that are held already are extended meanwhile. */
  async #takeInOrder(
    hold: LockHold,
    wanted: WantedLocks,
    wait: LockWait,
  ): Promise<number | undefined> {
    const endsAt = this.#context.clock.monotonic() + wait.waitMs;
    try {
      for (const key of wanted.keys) {
        const claim = this.#claim(key, wanted);
        const waitMs = Math.max(1, Math.ceil(endsAt - this.#context.clock.monotonic()));
        const busyMs = await this.#takeOne(hold, claim, { ...wait, waitMs });
        if (busyMs !== undefined) return busyMs;
        // What was taken first may be lost by now: all of it is tried again.
        if (hold.remainingMs === 0) return 0;
      }
    } catch (error) {
      await abandon(hold);
      throw error;
    }
    return undefined;
  }

  async #takeOne(hold: LockHold, claim: LockClaim, wait: LockWait): Promise<number | undefined> {
    const askedAt = this.#context.clock.monotonic();
    const answer: AcquireOutcome = await this.#context.driver.acquire(
      claim,
      wait.waitMs > 0 ? wait : undefined,
    );
    if (answer.outcome === 'busy') return answer.remainingMs;
    const granted: GrantedClaim = { claim, grant: answer.grant, askedAt };
    hold.add(granted);
    return undefined;
  }

  #claim(key: string, { terms, outsideBudget }: WantedLocks): LockClaim {
    const { ttlMs, fence, permits } = terms;
    const claim = {
      key,
      token: makeToken(),
      ttlMs,
      owner: this.#context.owner,
      outsideBudget,
      permits,
    };
    return fence ? claim : { ...claim, fence: 'none' };
  }
}

/** @throws every error but that of a call which alone went unanswered */
function failureOfCall(error: unknown): { readonly failure: Error } {
  if (error instanceof LockBackendDownError && error.scope === 'call') return { failure: error };
  throw error;
}

async function abandon(hold: LockHold): Promise<void> {
  await releaseQuietly({ release: () => hold.abandon() });
}

/** For a caller who is told something else already; a release that Redis missed is made up for. */
export async function releaseQuietly(lock: { release(): Promise<unknown> }): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof LockBackendDownError)) throw error;
  }
}

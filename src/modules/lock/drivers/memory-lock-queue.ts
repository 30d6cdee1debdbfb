import type { Clock } from '../../../common/time/index.js';
import type { AcquireOutcome, LockClaim, LockGrant, LockRef, LockWait } from '../lock.driver.js';
import type { LockWaiter } from '../lock.driver.js';
import { ADMITTED_AT_ONCE, SHOWN_OF_TOKEN, SHOWN_WAITERS } from './lock-rules.js';

export interface MemoryLockQueueOptions {
  readonly clock: Clock;
  /** Gives the claim what it waits for, if it is free. */
  readonly grant: (claim: LockClaim) => LockGrant | undefined;
}

/** Longest time between two looks at the clock, which a test may step. */
const LOOK_MS = 50;

interface Waiter {
  readonly claim: LockClaim;
  /** Monotonic times. */
  readonly since: number;
  readonly until: number;
  settle(outcome: AcquireOutcome): void;
}

/** The claims of this process that wait for locks in memory, in the order in which they came. */
export class MemoryLockQueue {
  readonly #options: MemoryLockQueueOptions;
  readonly #queues = new Map<string, Map<string, Waiter>>();
  /** Keys whose waiters are served on in the next turn. */
  readonly #goingOn = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MemoryLockQueueOptions) {
    this.#options = options;
  }

  /** Resolves when the lock was given to the claim, or its time is over. @throws the signal's reason */
  async wait(claim: LockClaim, { waitMs, signal }: LockWait): Promise<AcquireOutcome> {
    signal?.throwIfAborted();
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<AcquireOutcome>((resolve, reject) => {
        onAbort = () => {
          this.leave(claim);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort);
        const since = this.#options.clock.monotonic();
        const waiter = { claim, since, until: since + waitMs, settle: resolve };
        const queue = this.#queues.get(claim.key) ?? new Map<string, Waiter>();
        this.#queues.set(claim.key, queue);
        queue.set(claim.token, waiter);
        this.#lookLater();
      });
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      // Whoever was served has left, and those behind have been seen to.
      if (this.#remove(claim)) this.handOver(claim.key);
    }
  }

  /**
   * Gives what is free to those who wait, in order, until one cannot have what it wants; to a bounded
   * number in one step, and to the others in the next turns of the event loop.
   */
  handOver(key: string): void {
    let left = ADMITTED_AT_ONCE;
    for (const waiter of this.#queues.get(key)?.values() ?? []) {
      if (left === 0) return this.#goOn(key);
      const { claim } = waiter;
      const askedAt = this.#options.clock.monotonic();
      const grant = this.#options.grant(claim);
      if (grant === undefined) return;
      left -= 1;
      this.#remove(claim);
      waiter.settle({ outcome: 'acquired', grant: { ...grant, askedAt } });
    }
  }

  /** The claim waits no longer; those behind it may have what it was in the way of. */
  leave(ref: LockRef): void {
    this.#remove(ref);
    this.handOver(ref.key);
  }

  has(key: string): boolean {
    return this.#queues.has(key);
  }

  show(key: string): readonly LockWaiter[] {
    const now = this.#options.clock.monotonic();
    const shown = [...(this.#queues.get(key)?.values() ?? [])].slice(0, SHOWN_WAITERS);
    return shown.map(({ claim, since }) => ({
      owner: claim.owner,
      tokenPrefix: claim.token.slice(0, SHOWN_OF_TOKEN),
      waitedMs: Math.floor(now - since),
    }));
  }

  /** Did it wait? */
  #remove({ key, token }: LockRef): boolean {
    const queue = this.#queues.get(key);
    const wasThere = queue?.delete(token) === true;
    if (queue?.size === 0) this.#queues.delete(key);
    return wasThere;
  }

  #goOn(key: string): void {
    if (this.#goingOn.has(key)) return;
    this.#goingOn.add(key);
    setImmediate(() => {
      this.#goingOn.delete(key);
      this.handOver(key);
    });
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#queues.size === 0) return;
    this.#timer = setTimeout(this.#look, this.#nextLookMs());
  }

  #nextLookMs(): number {
    const now = this.#options.clock.monotonic();
    let inMs = LOOK_MS;
    for (const queue of this.#queues.values()) {
      for (const { until } of queue.values()) inMs = Math.min(inMs, until - now);
    }
    return Math.max(1, inMs);
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    for (const [key, queue] of this.#queues) {
      this.handOver(key);
      const over = [...queue.values()].filter(({ until }) => until <= now);
      for (const waiter of over) waiter.settle({ outcome: 'busy', remainingMs: 0 });
      // Those that were given the lock have left already.
      for (const { claim } of over) this.leave(claim);
    }
    this.#lookLater();
  };
}

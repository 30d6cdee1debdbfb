import type { Clock } from '../../../common/time/index.js';
import type { AcquireOutcome, LockClaim, LockGrant, LockRef, LockWait } from '../lock.driver.js';
import type { LockWaiter } from '../lock.driver.js';
import { SHOWN_OF_TOKEN, SHOWN_WAITERS } from './lock-rules.js';

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
  readonly #queues = new Map<string, Waiter[]>();
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
        const queue = this.#queues.get(claim.key) ?? [];
        this.#queues.set(claim.key, queue);
        queue.push(waiter);
        this.#lookLater();
      });
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      this.leave(claim);
    }
  }

  /** Gives what is free to those who wait, in order, until one cannot have what it wants. */
  handOver(key: string): void {
    for (;;) {
      const [first] = this.#queues.get(key) ?? [];
      const askedAt = this.#options.clock.monotonic();
      const grant = first && this.#options.grant(first.claim);
      if (first === undefined || grant === undefined) return;
      this.#remove(first.claim);
      first.settle({ outcome: 'acquired', grant: { ...grant, askedAt } });
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
    const shown = (this.#queues.get(key) ?? []).slice(0, SHOWN_WAITERS);
    return shown.map(({ claim, since }) => ({
      owner: claim.owner,
      tokenPrefix: claim.token.slice(0, SHOWN_OF_TOKEN),
      waitedMs: Math.floor(now - since),
    }));
  }

  #remove({ key, token }: LockRef): void {
    const rest = (this.#queues.get(key) ?? []).filter(({ claim }) => claim.token !== token);
    if (rest.length > 0) this.#queues.set(key, rest);
    else this.#queues.delete(key);
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#queues.size === 0) return;
    this.#timer = setTimeout(this.#look, this.#nextLookMs());
  }

  #nextLookMs(): number {
    const now = this.#options.clock.monotonic();
    const ends = [...this.#queues.values()].flat().map(({ until }) => until - now);
    return Math.max(1, Math.min(LOOK_MS, ...ends));
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    for (const [key, queue] of this.#queues) {
      this.handOver(key);
      const over = queue.filter(({ until }) => until <= now);
      for (const waiter of over) waiter.settle({ outcome: 'busy', remainingMs: 0 });
      // Those that were given the lock have left already.
      for (const { claim } of over) this.leave(claim);
    }
    this.#lookLater();
  };
}

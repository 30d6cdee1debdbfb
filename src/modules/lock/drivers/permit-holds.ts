import type { Clock } from '../../../common/time/index.js';
import type { Permits } from '../lock.driver.js';
import type { Standing } from './standing.js';

/** What one token holds of a semaphore in this process. */
export interface PermitsHold {
  readonly owner: string;
  readonly permits: Permits;
  /** Monotonic times. */
  readonly since: number;
  readonly endsAt: number;
  readonly standing: Standing;
}

/**
 * The holds of one semaphore, with a running count of what they take: it is counted anew only when
 * one of them may have come to its end.
 */
export class PermitHolds {
  readonly #clock: Clock;
  readonly #holds = new Map<string, PermitsHold>();
  #used = 0;
  /** Monotonic time until which every hold lasts at least. */
  #allLastUntil = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Permits that are out. */
  get used(): number {
    this.#dropEnded();
    return this.#used;
  }

  /** Those whose time is not over. */
  get live(): ReadonlyMap<string, PermitsHold> {
    this.#dropEnded();
    return this.#holds;
  }

  set(token: string, hold: PermitsHold): void {
    this.delete(token);
    this.#holds.set(token, hold);
    this.#used += hold.permits.take;
    this.#allLastUntil = Math.min(this.#allLastUntil, hold.endsAt);
  }

  delete(token: string): void {
    this.#used -= this.#holds.get(token)?.permits.take ?? 0;
    this.#holds.delete(token);
  }

  #dropEnded(): void {
    const now = this.#clock.monotonic();
    if (now < this.#allLastUntil) return;
    this.#allLastUntil = Infinity;
    for (const [token, { endsAt }] of this.#holds) {
      if (endsAt <= now) this.delete(token);
      else this.#allLastUntil = Math.min(this.#allLastUntil, endsAt);
    }
  }
}

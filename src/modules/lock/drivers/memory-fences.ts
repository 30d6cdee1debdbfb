import type { Clock } from '../../../common/time/index.js';
import type { LockClaim } from '../lock.driver.js';

/** Fences of this process, for all keys. */
export class MemoryFences {
  readonly #clock: Clock;
  /** Of the latest grant of any key. */
  #latest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Greater than all that were given or seen here, and at least the time in µs. */
  next({ fence = 0 }: LockClaim): number | undefined {
    if (fence === 'none') return undefined;
    const micros = Math.floor(this.#clock.now() * 1_000);
    this.#latest = Math.max(this.#latest + 1, micros, fence);
    return this.#latest;
  }

  /** One that somebody else gave. */
  see(fence: number | undefined): void {
    this.#latest = Math.max(this.#latest, fence ?? 0);
  }
}

/**
 * The time one request may spend waiting for Redis, over all its calls.
 *
 * Counts wall time during which at least one call is under way, so that calls made in parallel are
 * charged once.
 */
export class RedisBudget {
  /** What the request had at its start. */
  readonly totalMs: number;
  #spentMs = 0;
  #running = 0;
  #busySince = 0;

  constructor(totalMs: number) {
    this.totalMs = totalMs;
  }

  get remainingMs(): number {
    const running = this.#running > 0 ? performance.now() - this.#busySince : 0;
    return Math.max(0, this.totalMs - this.#spentMs - running);
  }

  start(): void {
    if (this.#running === 0) this.#busySince = performance.now();
    this.#running += 1;
  }

  stop(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#spentMs += performance.now() - this.#busySince;
  }
}

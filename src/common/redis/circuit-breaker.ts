export type BreakerState = 'open' | 'half-open' | 'closed';

/**
 * Circuit breaker over consecutive failures (Nygard, "Release It!", 2nd ed., ch. 5).
 *
 * Pure state: who probes, and when, is the gate's business. It starts open, because before the
 * first connection there is nothing to ask.
 */
export class CircuitBreaker {
  readonly #failureThreshold: number;
  #state: BreakerState = 'open';
  #failures = 0;

  constructor(failureThreshold: number) {
    this.#failureThreshold = failureThreshold;
  }

  get state(): BreakerState {
    return this.#state;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Counts one failure; `true` when it was the one that opened the breaker. */
  failed(): boolean {
    this.#failures += 1;
    return this.#failures >= this.#failureThreshold && this.open();
  }

  /** `true` when it was closed until now. */
  open(): boolean {
    const wasClosed = this.#state === 'closed';
    this.#state = 'open';
    return wasClosed;
  }

  /** Lets one probe through. */
  halfOpen(): void {
    this.#state = 'half-open';
  }

  close(): void {
    this.#state = 'closed';
    this.#failures = 0;
  }
}

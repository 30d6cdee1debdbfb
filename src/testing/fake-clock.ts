import type { Clock } from '../common/time/index.js';

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;

  /** @param startMs ms since the epoch */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** Lets time pass. */
  advance(milliseconds: number): void {
    this.#nowMs += milliseconds;
    this.#monotonicMs += milliseconds;
  }

  /** Sets the wall clock, as an operator or NTP would; monotonic time does not notice. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

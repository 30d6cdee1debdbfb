import type { ThrottlePolicy } from '../throttle.driver.js';

/** Where doubling stops to count. */
const HIGHEST_LEVEL = 50;

/**
 * A subject that went over a limit is held off for a time that doubles with every block, until a
 * pause as long as the last block, and as the window, has passed without one. Mirrors the script.
 */
export class MemoryBlock {
  readonly remembered = 1;
  #until = 0;
  #length = 0;
  /** How many there were in a row. */
  #level = 0;

  /** How long it still stands; 0 when it is over. */
  restMs(now: number): number {
    // After the clock was set back it must not last longer than it was meant to.
    this.#until = Math.min(this.#until, now + this.#length);
    return Math.max(0, this.#until - now);
  }

  /** The next one of its own accord. Returns when it is forgotten. */
  raise({ block, windowMs }: ThrottlePolicy, now: number): number {
    const { durationMs, longestMs } = block ?? { durationMs: 0, longestMs: 0 };
    if (now >= this.#forgottenAt(windowMs)) this.#level = 0;
    this.#length = Math.min(longestMs, durationMs * 2 ** this.#level);
    this.#until = now + this.#length;
    this.#level = Math.min(this.#level + 1, HIGHEST_LEVEL);
    return this.#forgottenAt(windowMs);
  }

  /** One that an operator wants. Returns when it is forgotten. */
  set(durationMs: number, { windowMs }: ThrottlePolicy, now: number): number {
    this.#length = durationMs;
    this.#until = now + durationMs;
    this.#level = 0;
    return this.#forgottenAt(windowMs);
  }

  /** Earlier than was told when the clock was set back since. */
  #forgottenAt(windowMs: number): number {
    return this.#until + Math.max(this.#length, windowMs);
  }
}

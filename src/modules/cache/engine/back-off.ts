import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../common/time/index.js';

const MAX_KEYS = 10_000;

/** Keys whose load failed lately; bounded, the oldest are forgotten first. */
export class BackOff {
  readonly #until = new LRUCache<string, number>({ max: MAX_KEYS });
  readonly #clock: Clock;
  readonly #ms: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  note(key: string): void {
    this.#until.set(key, this.#clock.monotonic() + this.#ms);
  }

  covers(key: string): boolean {
    return this.#clock.monotonic() < (this.#until.peek(key) ?? -Infinity);
  }
}

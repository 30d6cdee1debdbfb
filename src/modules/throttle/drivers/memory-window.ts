import type { ThrottlePolicy, ThrottleStrategy } from '../throttle.driver.js';

export interface WindowState {
  readonly used: number;
  readonly resetMs: number;
  readonly retryAfterMs: number;
}

/** The hits of one subject under one policy; mirrors `throttle-windows.lua.ts` line by line. */
export interface ThrottleWindow {
  read(policy: ThrottlePolicy, now: number): WindowState;
  /** Counts a hit that `read` allowed. */
  count(policy: ThrottlePolicy, now: number): void;
}

export function createWindow(strategy: ThrottleStrategy): ThrottleWindow {
  switch (strategy) {
    case 'fixed-window':
      return new FixedWindow();
    case 'sliding-window':
      return new SlidingWindow();
    default:
      return strategy satisfies never;
  }
}

class FixedWindow implements ThrottleWindow {
  #start = 0;
  #used = 0;

  read(policy: ThrottlePolicy, now: number): WindowState {
    this.#start = Math.min(this.#start, now);
    if (now >= this.#start + policy.windowMs) this.#used = 0;
    if (this.#used === 0) this.#start = now;
    const rest = this.#start + policy.windowMs - now;
    return {
      used: this.#used,
      resetMs: this.#used > 0 ? rest : 0,
      retryAfterMs: this.#used >= policy.limit ? rest : 0,
    };
  }

  count(): void {
    this.#used += 1;
  }
}

/** Expired hits in front of the array are cut off once they are this many, to keep `shift` rare. */
const COMPACT_AFTER = 64;

class SlidingWindow implements ThrottleWindow {
  #hits: number[] = [];
  /** Hits before this index have left the window. */
  #first = 0;

  read(policy: ThrottlePolicy, now: number): WindowState {
    this.#clampFuture(now);
    this.#dropExpired(now - policy.windowMs);
    const used = this.#hits.length - this.#first;
    const blocking = this.#hits[this.#first + used - policy.limit];
    return {
      used,
      resetMs: used > 0 ? (this.#hits[this.#first] ?? now) + policy.windowMs - now : 0,
      retryAfterMs:
        used >= policy.limit && blocking !== undefined ? blocking + policy.windowMs - now : 0,
    };
  }

  count(_policy: ThrottlePolicy, now: number): void {
    this.#hits.push(now);
  }

  /** After the clock was set back, hits from the future count as made now. */
  #clampFuture(now: number): void {
    const newest = this.#hits.at(-1);
    if (newest !== undefined && newest > now) {
      this.#hits = this.#hits.map((hit) => Math.min(hit, now));
    }
  }

  #dropExpired(horizon: number): void {
    while ((this.#hits[this.#first] ?? Infinity) <= horizon) this.#first += 1;
    if (this.#first < COMPACT_AFTER) return;
    this.#hits.splice(0, this.#first);
    this.#first = 0;
  }
}

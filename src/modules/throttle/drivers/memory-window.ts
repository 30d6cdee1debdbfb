import type { ThrottlePolicy, ThrottleStrategy } from '../throttle.driver.js';

export interface WindowState {
  readonly used: number;
  readonly resetMs: number;
  readonly retryAfterMs: number;
}

/** The hits of one subject under one policy; mirrors `throttle-windows.lua.ts` line by line. */
export interface ThrottleWindow {
  /** How many hits it keeps in memory one by one; a count of them is one. */
  readonly remembered: number;
  read(policy: ThrottlePolicy, now: number): WindowState;
  /** Counts a hit that `read` allowed. Returns when none of the hits counts any more. */
  count(policy: ThrottlePolicy, now: number): number;
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
  readonly remembered = 1;
  #start = 0;
  #used = 0;

  read(policy: ThrottlePolicy, now: number): WindowState {
    // After the clock was set back, a window that opened in the future opens now.
    this.#start = Math.min(this.#start, now);
    const rest = this.#start + policy.windowMs - now;
    const used = rest > 0 ? this.#used : 0;
    return {
      used,
      resetMs: used > 0 ? rest : 0,
      retryAfterMs: used >= policy.limit ? rest : 0,
    };
  }

  count(policy: ThrottlePolicy, now: number): number {
    const { used } = this.read(policy, now);
    if (used === 0) this.#start = now;
    this.#used = used + 1;
    return this.#start + policy.windowMs;
  }
}

/** Expired hits in front of the array are cut off once they are this many, to keep `shift` rare. */
const COMPACT_AFTER = 64;

class SlidingWindow implements ThrottleWindow {
  #hits: number[] = [];
  /** Hits before this index have left the window. */
  #first = 0;

  get remembered(): number {
    return this.#hits.length;
  }

  read(policy: ThrottlePolicy, now: number): WindowState {
    this.#clampFuture(now);
    this.#dropExpired(now - policy.windowMs);
    const used = this.#hits.length - this.#first;
    if (used === 0) return { used, resetMs: 0, retryAfterMs: 0 };
    if (used < policy.limit) return { used, resetMs: this.#rest(0, policy, now), retryAfterMs: 0 };
    // More than the limit may be used after it was lowered: all but `limit - 1` have to leave.
    const rest = this.#rest(used - policy.limit, policy, now);
    return { used, resetMs: rest, retryAfterMs: rest };
  }

  count(policy: ThrottlePolicy, now: number): number {
    this.#hits.push(now);
    return now + policy.windowMs;
  }

  /** Time until the live hit with that index, oldest first, leaves the window. */
  #rest(index: number, policy: ThrottlePolicy, now: number): number {
    return (this.#hits[this.#first + index] ?? now) + policy.windowMs - now;
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

import type { ThrottlePolicy } from '../throttle.driver.js';

/** One hit as a counter sees it. */
export interface CounterHit {
  readonly policy: ThrottlePolicy;
  readonly cost: number;
  readonly now: number;
}

export interface CounterState {
  /** Negative while more is used than the limit, because that was lowered. */
  readonly remaining: number;
  readonly resetMs: number;
  /** 0: the hit passes. */
  readonly retryAfterMs: number;
}

/** What one subject used under one policy; mirrors the script of its strategy line by line. */
export interface MemoryCounter {
  /** How many hits it keeps in memory one by one; numbers that stand for them are one. */
  readonly remembered: number;
  /** Is nothing counted, or all of it taken back? */
  readonly isEmpty: boolean;
  read(hit: CounterHit): CounterState;
  /** Counts a hit that `read` let pass. Returns when nothing of it counts any more. */
  count(hit: CounterHit): number;
  /**
   * Counts the penalty of a hit that was denied, as far as there is room under the limit. Returns
   * when nothing of it counts any more.
   */
  punish(hit: CounterHit): number;
  /** Takes the latest hits back, as many as the cost. */
  grant(hit: CounterHit): void;
  /** Takes a hit that was made at `at` back; `false` when it does not count any more. */
  refund(hit: CounterHit, at: number): boolean;
}

/**
 * Source of time for everything that runs in this process.
 *
 * Scripts take time from the Redis server instead; memory drivers take it from here, so that tests
 * can step it.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the system clock is set. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. For measuring and deadlines. */
  monotonic(): number;
}

export const CLOCK = Symbol('CLOCK');

/** Injection token of the clock to use instead of the machine's own; provided globally by tests. */
export const CLOCK_OVERRIDE = Symbol('CLOCK_OVERRIDE');

/** The machine's own clock. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }
}

import type { CounterHit, CounterState, MemoryCounter } from '../memory-counter.js';

/** What was used in the window that opened at `start`, and in the one before it. */
interface Windows {
  readonly start: number;
  readonly previous: number;
  readonly current: number;
}

/**
 * Counts this window and the one before. Of that one as many hits count as if they had been spread
 * evenly: those in the part that the window ending now still overlaps, rounded down.
 */
export class SlidingWindowCounter implements MemoryCounter {
  readonly remembered = 1;
  #windows: Windows = { start: 0, previous: 0, current: 0 };

  get isEmpty(): boolean {
    return this.#windows.previous + this.#windows.current === 0;
  }

  read(hit: CounterHit): CounterState {
    const windows = this.#windowsAt(hit);
    const { start, previous, current } = windows;
    const { limit, windowMs } = hit.policy;
    const overlapMs = start + windowMs - hit.now;
    const remaining = limit - current - Math.floor((previous * overlapMs) / windowMs);
    return {
      remaining,
      resetMs: remaining < limit ? waitFor(Math.max(0, remaining) + 1, windows, hit) : 0,
      retryAfterMs: hit.cost > remaining ? waitFor(hit.cost, windows, hit) : 0,
    };
  }

  count(hit: CounterHit): number {
    const { start, previous, current } = this.#windowsAt(hit);
    this.#windows = { start, previous, current: current + hit.cost };
    return start + 2 * hit.policy.windowMs;
  }

  punish(hit: CounterHit): number {
    const { start, previous, current } = this.#windowsAt(hit);
    const { limit, penalty, windowMs } = hit.policy;
    const punished = Math.max(current, Math.min(limit, current + penalty));
    this.#windows = { start, previous, current: punished };
    return start + 2 * windowMs;
  }

  grant(hit: CounterHit): void {
    const { current } = this.#windowsAt(hit);
    this.#takeBack(hit, { previous: Math.max(0, hit.cost - current), current: hit.cost });
  }

  refund(hit: CounterHit, at: number): boolean {
    const { start, previous, current } = this.#windowsAt(hit);
    if (at >= start && current > 0) {
      this.#takeBack(hit, { previous: 0, current: hit.cost });
      return true;
    }
    if (at >= start || at < start - hit.policy.windowMs || previous === 0) return false;
    this.#takeBack(hit, { previous: hit.cost, current: 0 });
    return true;
  }

  #takeBack(hit: CounterHit, back: Omit<Windows, 'start'>): void {
    const { start, previous, current } = this.#windowsAt(hit);
    this.#windows = {
      start,
      previous: Math.max(0, previous - back.previous),
      current: Math.max(0, current - back.current),
    };
  }

  #windowsAt({ policy: { windowMs }, now }: CounterHit): Windows {
    const { previous, current } = this.#windows;
    // After the clock was set back, a window that opened in the future opens now.
    const start = Math.min(this.#windows.start, now);
    this.#windows = { start, previous, current };
    if (now < start + windowMs) return this.#windows;
    const isNext = now < start + 2 * windowMs && current > 0;
    return isNext
      ? { start: start + windowMs, previous: current, current: 0 }
      : { start: now, previous: 0, current: 0 };
  }
}

/**
 * Time until `target` hits are free: in this window, or else in the next, when this is the one
 * before.
 */
function waitFor(target: number, windows: Windows, { policy, now }: CounterHit): number {
  const { start, previous, current } = windows;
  const { limit, windowMs } = policy;
  const rest = start + windowMs - now;
  const free = limit - target - current;
  if (free >= 0) {
    if (previous === 0) return 0;
    return Math.max(0, rest - Math.floor(((free + 1) * windowMs - 1) / previous));
  }
  const overlap = Math.floor(((limit - target + 1) * windowMs - 1) / current);
  return rest + Math.max(0, windowMs - overlap);
}

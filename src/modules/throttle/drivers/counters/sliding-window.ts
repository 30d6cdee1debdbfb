import type { CounterHit, CounterState, MemoryCounter } from '../memory-counter.js';

/** Expired hits in front of the array are cut off once they are this many, to keep that rare. */
const COMPACT_AFTER = 64;

/** Keeps the time of every hit of the last window: exact. */
export class SlidingWindow implements MemoryCounter {
  #hits: number[] = [];
  /** Hits before this index have left the window. */
  #first = 0;

  get remembered(): number {
    return this.#hits.length;
  }

  get isEmpty(): boolean {
    return this.#hits.length === this.#first;
  }

  read({ policy, cost, now }: CounterHit): CounterState {
    this.#clampFuture(now);
    this.#dropExpired(now - policy.windowMs);
    const { limit, windowMs } = policy;
    const used = this.#hits.length - this.#first;
    const restOf = (index: number): number =>
      (this.#hits[this.#first + index] ?? now) + windowMs - now;
    return {
      remaining: limit - used,
      // More than the limit may be used after it was lowered: all but `limit - 1` have to leave.
      resetMs: used === 0 ? 0 : restOf(Math.max(0, used - limit)),
      retryAfterMs: used + cost > limit ? restOf(used + cost - limit - 1) : 0,
    };
  }

  count({ policy, cost, now }: CounterHit): number {
    for (let hit = 0; hit < cost; hit += 1) this.#hits.push(now);
    return now + policy.windowMs;
  }

  punish({ policy, now }: CounterHit): number {
    const used = this.#hits.length - this.#first;
    const most = Math.max(used, policy.limit);
    const penalty = Math.min(policy.penalty, most);
    for (let hit = 0; hit < penalty; hit += 1) this.#hits.push(now);
    this.#first = this.#hits.length - Math.min(most, used + penalty);
    return now + policy.windowMs;
  }

  grant({ policy, cost, now }: CounterHit): void {
    this.#dropExpired(now - policy.windowMs);
    this.#hits.length = Math.max(this.#first, this.#hits.length - cost);
  }

  refund({ policy, cost, now }: CounterHit, at: number): boolean {
    this.#dropExpired(now - policy.windowMs);
    const last = this.#hits.lastIndexOf(at);
    if (last < this.#first) return false;
    let from = last;
    while (from > this.#first && last - from + 1 < cost && this.#hits[from - 1] === at) from -= 1;
    this.#hits.splice(from, last - from + 1);
    return true;
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

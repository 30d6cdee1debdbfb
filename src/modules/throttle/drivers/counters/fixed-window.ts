import type { CounterHit, CounterState, MemoryCounter } from '../memory-counter.js';

/** The window opens with its first hit. */
export class FixedWindow implements MemoryCounter {
  readonly remembered = 1;
  #start = 0;
  #used = 0;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  read(hit: CounterHit): CounterState {
    const { policy, cost, now } = hit;
    const used = this.#usedAt(hit);
    const rest = this.#start + policy.windowMs - now;
    return {
      remaining: policy.limit - used,
      resetMs: used > 0 ? rest : 0,
      retryAfterMs: used + cost > policy.limit ? rest : 0,
    };
  }

  count(hit: CounterHit): number {
    const used = this.#usedAt(hit);
    if (used === 0) this.#start = hit.now;
    this.#used = used + hit.cost;
    return this.#start + hit.policy.windowMs;
  }

  punish(hit: CounterHit): number {
    const used = this.#usedAt(hit);
    const { limit, penalty, windowMs } = hit.policy;
    this.#used = Math.max(used, Math.min(limit, used + penalty));
    return this.#start + windowMs;
  }

  grant(hit: CounterHit): void {
    this.#used = Math.max(0, this.#usedAt(hit) - hit.cost);
  }

  refund(hit: CounterHit, at: number): boolean {
    if (this.#usedAt(hit) === 0 || at < this.#start) return false;
    this.grant(hit);
    return true;
  }

  #usedAt({ policy, now }: CounterHit): number {
    // After the clock was set back, a window that opened in the future opens now.
    this.#start = Math.min(this.#start, now);
    return now < this.#start + policy.windowMs ? this.#used : 0;
  }
}

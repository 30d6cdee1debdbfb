import type { CounterHit, CounterState, MemoryCounter } from '../memory-counter.js';

/**
 * `burst` tokens, of which `limit` come back in each window. Keeps when the bucket will be full
 * again, in ms and 1/limit ms: the one number of the generic cell rate algorithm (ITU-T I.371,
 * theoretical arrival time); and when it said so. What is missing is counted in units of 1/window
 * tokens: `limit` of them come back each ms.
 */
export class TokenBucket implements MemoryCounter {
  readonly remembered = 1;
  #fullMs = 0;
  #part = 0;
  #at = 0;

  get isEmpty(): boolean {
    return this.#fullMs <= this.#at && this.#part === 0;
  }

  read(hit: CounterHit): CounterState {
    const { limit, windowMs, burst } = hit.policy;
    const debt = this.#debt(hit);
    const free = burst * windowMs - debt;
    const remaining = Math.floor(free / windowMs);
    return {
      remaining,
      resetMs: debt > 0 ? Math.ceil(((Math.max(0, remaining) + 1) * windowMs - free) / limit) : 0,
      retryAfterMs: Math.max(0, Math.ceil((hit.cost * windowMs - free) / limit)),
    };
  }

  count(hit: CounterHit): number {
    this.#store(this.#debt(hit) + hit.cost * hit.policy.windowMs, hit);
    return this.#fullAt();
  }

  /**
   * Gives back what has not come back by itself, as if nothing else had been missing: never too
   * much.
   */
  refund(hit: CounterHit, at: number): boolean {
    const { policy, cost, now } = hit;
    const debt = this.#debt(hit);
    const back = Math.min(debt, cost * policy.windowMs - Math.max(0, now - at) * policy.limit);
    if (back <= 0) return false;
    this.#store(debt - back, hit);
    return true;
  }

  punish(hit: CounterHit): number {
    const { burst, penalty, windowMs } = hit.policy;
    this.#store(Math.min(burst * windowMs, this.#debt(hit) + penalty * windowMs), hit);
    return this.#fullAt();
  }

  grant(hit: CounterHit): void {
    this.#store(Math.max(0, this.#debt(hit) - hit.cost * hit.policy.windowMs), hit);
  }

  #debt({ policy: { limit }, now }: CounterHit): number {
    // The clock was set back: what was missing then is missing now.
    const setBackMs = Math.max(0, this.#at - now);
    this.#fullMs -= setBackMs;
    this.#at -= setBackMs;
    return Math.max(0, (this.#fullMs - now) * limit + this.#part);
  }

  /** In whole ms. */
  #fullAt(): number {
    return this.#fullMs + (this.#part > 0 ? 1 : 0);
  }

  #store(debt: number, { policy: { limit }, now }: CounterHit): void {
    const ms = Math.floor(debt / limit);
    this.#fullMs = now + ms;
    this.#part = debt - ms * limit;
    this.#at = now;
  }
}

import type { Clock } from '../../../common/time/index.js';

/** Expired entries looked for with every new one: two out for one in keeps the map from growing. */
const SWEEP_PER_INSERT = 2;

interface Entry<V> {
  readonly value: V;
  /** By the monotonic clock: time that is set does not end or lengthen a life. */
  readonly expiresAt: number;
}

/** A map whose entries are absent once their time is over. */
export class ExpiringMap<V> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<V>>();
  #sweep: MapIterator<[string, Entry<V>]> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): V | undefined {
    return this.remainingMs(key) > 0 ? this.#entries.get(key)?.value : undefined;
  }

  /** 0 for an absent key. */
  remainingMs(key: string): number {
    const { expiresAt = 0 } = this.#entries.get(key) ?? {};
    return Math.max(0, expiresAt - this.#clock.monotonic());
  }

  set(key: string, value: V, ttlMs: number): void {
    this.#removeExpired();
    this.#entries.set(key, { value, expiresAt: this.#clock.monotonic() + ttlMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** The entries whose time is not over. */
  *live(): Generator<readonly [key: string, value: V]> {
    for (const [key, { value }] of this.#entries) {
      if (this.remainingMs(key) > 0) yield [key, value];
    }
  }

  #removeExpired(): void {
    for (let step = 0; step < SWEEP_PER_INSERT; step += 1) {
      this.#sweep ??= this.#entries.entries();
      const { value, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else if (this.remainingMs(value[0]) === 0) this.#entries.delete(value[0]);
    }
  }
}

/** What a store keeps: something that knows how many hits it remembers one by one. */
export interface Remembering {
  readonly remembered: number;
}

/** One counter of the memory driver. */
export interface Counter<T extends Remembering> {
  readonly state: T;
  expiresAt: number;
  /** What it counted as in the store's total when it was last stored. */
  weight: number;
  /** How many were put at the end of the order up to when it was. */
  movedAt: number;
}

export interface CounterStoreBounds {
  readonly maxCounters: number;
  readonly maxHits: number;
}

/**
 * Expired counters looked for with every new one: two out for one in keeps the map from growing.
 */
const SWEEP_PER_INSERT = 2;

/**
 * Counters in the order of their use, within two bounds: how many there are, and how many hits they
 * remember together. Beyond either, one of those that were not used for longest is forgotten. Every
 * operation is O(1), amortised over the insertions.
 */
export class CounterStore<T extends Remembering> {
  readonly #bounds: CounterStoreBounds;
  /** The least recently used first: a Map keeps the order of insertion. */
  readonly #counters = new Map<string, Counter<T>>();
  #hits = 0;
  /** Counters that were put at the end of the order, ever. */
  #moves = 0;
  #sweep: MapIterator<[string, Counter<T>]> | undefined;
  #stepsLeft = 0;

  constructor(bounds: CounterStoreBounds) {
    this.#bounds = bounds;
  }

  /**
   * The counter, unless its time is over; a later policy with a longer window must not revive it.
   */
  live(key: string, now: number): Counter<T> | undefined {
    const counter = this.#counters.get(key);
    return counter !== undefined && counter.expiresAt > now ? counter : undefined;
  }

  /**
   * Marks a counter as used: it is not forgotten before half of the others are. One in that half
   * stays where it is. V8's Map looks through all it deleted of a key since it last grew or was
   * tidied, so that moving one counter with every hit would cost as much as there are counters.
   */
  touch(key: string): void {
    const counter = this.#counters.get(key);
    if (counter === undefined || this.#moves - counter.movedAt < this.#counters.size / 2) return;
    this.#counters.delete(key);
    this.#moveToEnd(key, counter);
  }

  /** Adds a counter, in place of one whose time is over. */
  insert(key: string, state: T, now: number): Counter<T> {
    this.delete(key);
    this.#removeExpired(now);
    if (this.#counters.size >= this.#bounds.maxCounters) this.#removeLeastUsed();
    const counter = { state, expiresAt: now, weight: 0, movedAt: 0 };
    this.#moveToEnd(key, counter);
    return counter;
  }

  /** Takes notice of the hits a counter gained or lost. The one used last always stays. */
  weigh(counter: Counter<T>): void {
    const { remembered } = counter.state;
    this.#hits += remembered - counter.weight;
    counter.weight = remembered;
    while (this.#hits > this.#bounds.maxHits && this.#counters.size > 1) {
      this.#removeLeastUsed(counter);
    }
  }

  delete(key: string): void {
    this.#hits -= this.#counters.get(key)?.weight ?? 0;
    this.#counters.delete(key);
  }

  clear(): void {
    this.#counters.clear();
    this.#sweep = undefined;
    this.#hits = 0;
  }

  /**
   * Goes round the counters. A round has as many steps as there were counters when it began:
   * without that bound it would run after those that are used, and so moved to the end, and never
   * begin again.
   */
  #removeExpired(now: number): void {
    for (let step = 0; step < SWEEP_PER_INSERT; step += 1) {
      if (this.#stepsLeft === 0) this.#sweep = undefined;
      if (this.#sweep === undefined) {
        this.#sweep = this.#counters.entries();
        this.#stepsLeft = this.#counters.size;
      }
      const { value, done } = this.#sweep.next();
      this.#stepsLeft = done ? 0 : this.#stepsLeft - 1;
      if (!done && value[1].expiresAt <= now) this.delete(value[0]);
    }
  }

  #moveToEnd(key: string, counter: Counter<T>): void {
    this.#moves += 1;
    counter.movedAt = this.#moves;
    this.#counters.set(key, counter);
  }

  #removeLeastUsed(kept?: Counter<T>): void {
    for (const [key, counter] of this.#counters) {
      if (counter === kept) continue;
      this.delete(key);
      return;
    }
  }
}

/** A key with how often it was looked up. */
export interface FrequentKey {
  readonly key: string;
  /** Never too low; see `FrequentKeys` for by how much it may be too high. */
  readonly lookups: number;
}

/**
 * Counts the keys that are looked up most, in bounded memory. A key that is counted already costs
 * one look-up in a map. When there is no room, all counts shrink by their median and the keys below
 * it are forgotten, which is O(1) for each new key in the mean (Anderson et al., "A High-Performance
 * Algorithm for Identifying Frequent Items in Data Streams", 2017, https://arxiv.org/abs/1705.07001).
 *
 * No count is too low, or more than `error` too high, and every key with more look-ups than that is
 * counted. Of n look-ups, `error` is at most 2n ÷ `capacity`.
 */
export class FrequentKeys<T> {
  readonly #capacity: number;
  readonly #noteOf: (key: string) => T;
  readonly #counts = new Map<string, Counted<T>>();
  #error = 0;

  /**
   * @param capacity keys that are counted at once
   * @param noteOf what is to be kept with a key that is counted
   */
  constructor(capacity: number, noteOf: (key: string) => T) {
    this.#capacity = capacity;
    this.#noteOf = noteOf;
  }

  /** By how much a count may be too high, and how often a key that is not counted may have come. */
  get error(): number {
    return this.#error;
  }

  /** Counts a look-up; what is kept with the key. */
  add(key: string): T {
    const counted = this.#counts.get(key) ?? this.#enter(key);
    counted.lookups += 1;
    return counted.note;
  }

  /** The most frequent, the first first. Those that are as frequent are in the order of their keys. */
  top(most: number): readonly FrequentKey[] {
    return [...this.#counts]
      .map(([key, { lookups }]) => ({ key, lookups: lookups + this.#error }))
      .toSorted((a, b) => b.lookups - a.lookups || (a.key < b.key ? -1 : 1))
      .slice(0, most);
  }

  #enter(key: string): Counted<T> {
    if (this.#counts.size >= this.#capacity) this.#makeRoom();
    const counted = { lookups: 0, note: this.#noteOf(key) };
    this.#counts.set(key, counted);
    return counted;
  }

  #makeRoom(): void {
    const sorted = [...this.#counts.values()].map(({ lookups }) => lookups).toSorted(ascending);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    this.#error += median;
    for (const [key, counted] of this.#counts) {
      counted.lookups -= median;
      if (counted.lookups <= 0) this.#counts.delete(key);
    }
  }
}

interface Counted<T> {
  lookups: number;
  readonly note: T;
}

function ascending(a: number, b: number): number {
  return a - b;
}

import { LRUCache } from 'lru-cache';
import type { CopyBounds, CopyStore } from './copy-store.js';
import { FrequencySketch } from './frequency-sketch.js';

/** Part of the room that is for new entries, whatever is known of them. */
const WINDOW_SHARE = 0.01;

/**
 * W-TinyLFU: an entry that is new, or has not been used for long, keeps its place only if it was used
 * more often than those that would have to go for it. New ones get their chance in a small window,
 * so that a scan, of keys that are used once, pushes out nothing that is used often.
 *
 * Both parts are least recently used first; the paper's main part, which has two, would gain little
 * for one more. An entry for which several have to go is compared with each in turn ("queue of
 * victims"): those that lost stay out, also where the next one wins.
 *
 * @see Einziger, Friedman, Manes: TinyLFU: A Highly Efficient Cache Admission Policy, ACM Transactions
 * on Storage 13(4), 2017, https://doi.org/10.1145/3149371
 * @see Einziger, Eytan, Friedman, Manes: Lightweight Robust Size Aware Cache Management, ACM
 * Transactions on Storage 18(3), 2022, for entries of different sizes
 */
export class LfuCopyStore<V extends object> implements CopyStore<V> {
  readonly #window: LRUCache<string, V>;
  readonly #main: LRUCache<string, V>;
  readonly #sketch: FrequencySketch;
  readonly #bounds: CopyBounds<V>;

  /** @param bounds of at least 2 entries */
  constructor(bounds: CopyBounds<V>) {
    const { maxEntries, maxBytes, sizeOf, onEvicted } = bounds;
    const windowEntries = Math.max(1, Math.floor(maxEntries * WINDOW_SHARE));
    const windowBytes = Math.max(1, Math.floor(maxBytes * WINDOW_SHARE));
    this.#bounds = bounds;
    this.#sketch = new FrequencySketch(maxEntries);
    this.#window = new LRUCache({
      max: windowEntries,
      maxSize: windowBytes,
      sizeCalculation: sizeOf,
      dispose: (value, key, reason) => {
        if (reason === 'evict') this.#admit(key, value);
      },
    });
    this.#main = new LRUCache({
      max: maxEntries - windowEntries,
      maxSize: Math.max(1, maxBytes - windowBytes),
      sizeCalculation: sizeOf,
      dispose: (_value, key, reason) => {
        if (reason === 'evict') onEvicted(key);
      },
    });
  }

  get size(): number {
    return this.#main.size + this.#window.size;
  }

  get bytes(): number {
    return this.#main.calculatedSize + this.#window.calculatedSize;
  }

  get(key: string): V | undefined {
    const value = this.#main.get(key) ?? this.#window.get(key);
    if (value !== undefined) this.#sketch.count(key);
    return value;
  }

  /** What was not there counts as used: it was asked for, or it would not be set. */
  set(key: string, value: V): void {
    if (this.#main.has(key)) {
      this.#main.set(key, value);
      return;
    }
    if (!this.#window.has(key)) this.#sketch.count(key);
    if (this.#bounds.sizeOf(value, key) <= this.#window.maxSize) {
      this.#window.set(key, value);
      return;
    }
    this.#window.delete(key);
    this.#admit(key, value);
  }

  delete(key: string): void {
    if (!this.#main.delete(key)) this.#window.delete(key);
  }

  clear(): void {
    this.#main.clear();
    this.#window.clear();
  }

  *keys(): IterableIterator<string> {
    yield* this.#window.keys();
    yield* this.#main.keys();
  }

  #admit(key: string, value: V): void {
    const { sizeOf, onEvicted } = this.#bounds;
    const bytes = sizeOf(value, key);
    if (bytes > this.#main.maxSize) {
      onEvicted(key);
      return;
    }
    const uses = this.#sketch.estimate(key);
    while (!this.#hasRoomFor(bytes)) {
      const victim = this.#main.rkeys().next().value ?? key;
      const loser = this.#sketch.estimate(victim) < uses ? victim : key;
      this.#main.delete(loser);
      onEvicted(loser);
      if (loser === key) return;
    }
    this.#main.set(key, value);
  }

  #hasRoomFor(bytes: number): boolean {
    const { size, max, calculatedSize, maxSize } = this.#main;
    return size < max && calculatedSize + bytes <= maxSize;
  }
}

/** Bounds of a store of copies. */
export interface CopyBounds<V> {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Bytes that count for an entry; a whole number of at least 1. */
  readonly sizeOf: (value: V, key: string) => number;
  /** Beyond the bounds `key` had to go, or was not let in. */
  readonly onEvicted: (key: string) => void;
}

/**
 * A map that never holds more entries, nor more bytes, than it may. All calls but `clear` and `keys`
 * take constant time, on average over many.
 */
export interface CopyStore<V> {
  readonly size: number;
  readonly bytes: number;
  /** `undefined` where there is none. Counts as a use of the entry. */
  get(key: string): V | undefined;
  /** Replaces what was there. Whether it is there afterwards is up to the bounds. */
  set(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
  /** In no particular order; entries may be deleted meanwhile. */
  keys(): IterableIterator<string>;
}

import { LRUCache } from 'lru-cache';
import type { CopyBounds, CopyStore } from './copy-store.js';

/** The least recently used goes first. */
export class LruCopyStore<V extends object> implements CopyStore<V> {
  readonly #copies: LRUCache<string, V>;

  constructor({ maxEntries, maxBytes, sizeOf, onEvicted }: CopyBounds<V>) {
    this.#copies = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: sizeOf,
      dispose: (_value, key, reason) => {
        if (reason === 'evict') onEvicted(key);
      },
    });
  }

  get size(): number {
    return this.#copies.size;
  }

  get bytes(): number {
    return this.#copies.calculatedSize;
  }

  get(key: string): V | undefined {
    return this.#copies.get(key);
  }

  set(key: string, value: V): void {
    this.#copies.set(key, value);
  }

  delete(key: string): void {
    this.#copies.delete(key);
  }

  clear(): void {
    this.#copies.clear();
  }

  keys(): IterableIterator<string> {
    return this.#copies.keys();
  }
}

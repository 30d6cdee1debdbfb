import { LRUCache } from 'lru-cache';
import { checkKeyText, compileGlob } from '../../../common/redis/index.js';
import { type Clock, parseDuration } from '../../../common/time/index.js';
import type { CacheDriver } from '../cache.driver.js';

export interface MemoryCacheDriverOptions {
  readonly clock: Clock;
  /** Entries kept at once; beyond it the least recently used goes. */
  readonly maxEntries: number;
  /** Bytes of values kept at once; beyond it the least recently used go. */
  readonly maxBytes: number;
  /** Longest time to live, whatever the caller asks for. @default unlimited */
  readonly maxTtlMs?: number;
}

/** Entries in this process: a bounded, least-recently-used map. */
export class MemoryCacheDriver implements CacheDriver {
  readonly #entries: LRUCache<string, Buffer>;
  readonly #maxTtlMs: number;

  constructor(options: MemoryCacheDriverOptions) {
    const { clock, maxEntries, maxBytes, maxTtlMs = Infinity } = options;
    this.#maxTtlMs = maxTtlMs;
    this.#entries = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (bytes) => Math.max(1, bytes.length),
      ttlResolution: 0,
      // For lru-cache an entry from moment 0 has no age.
      perf: { now: () => clock.now() + 1 },
    });
  }

  async get(key: string): Promise<Buffer | undefined> {
    return this.#entries.get(checkKeyText(key, 'key'));
  }

  async remainingMs(key: string): Promise<number | undefined> {
    if (!this.#entries.has(checkKeyText(key, 'key'))) return undefined;
    return Math.max(0, Math.floor(this.#entries.getRemainingTTL(key)));
  }

  async set(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    const ttl = Math.min(parseDuration(ttlMs, 'ttlMs'), this.#maxTtlMs);
    this.#entries.set(checkKeyText(key, 'key'), bytes, { ttl });
  }

  async delete(keys: readonly string[]): Promise<number> {
    return this.drop(keys.map((key) => checkKeyText(key, 'key')));
  }

  async deleteMatching(pattern: string): Promise<number> {
    return this.dropMatching(pattern);
  }

  /** As `delete`, at once and for any keys; those that no driver takes are never there. */
  drop(keys: readonly string[]): number {
    return keys.filter((key) => this.#remove(key)).length;
  }

  /** As `deleteMatching`, at once. */
  dropMatching(pattern: string): number {
    const matches = compileGlob(pattern);
    return this.drop([...this.#entries.keys()].filter(matches));
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }

  /** An entry whose time is over was not there any more. */
  #remove(key: string): boolean {
    const wasAlive = this.#entries.has(key);
    this.#entries.delete(key);
    return wasAlive;
  }
}

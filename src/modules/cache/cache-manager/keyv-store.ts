import type { KeyvStoreAdapter, StoredData } from 'keyv';
import type { CacheDriver } from '../cache.driver.js';
import { CacheValueTooLargeError } from '../cache.errors.js';

/** Everything in the namespace; the namespace is the driver's. */
const EVERYTHING = '*';

export interface KeyvStoreOptions {
  /** Time to live where the caller gives none. */
  readonly ttlMs: number;
  /** Longest text stored, in bytes. */
  readonly maxValueBytes: number;
}

/**
 * A Keyv store on a cache driver. Keyv serialises the values; this keeps its texts. `clear` removes
 * what was stored through it and nothing else.
 */
export class KeyvStore implements KeyvStoreAdapter {
  readonly opts = { dialect: 'backplane' };
  namespace?: string;
  readonly #driver: CacheDriver;
  readonly #options: KeyvStoreOptions;

  constructor(driver: CacheDriver, options: KeyvStoreOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const bytes = await this.#driver.get(key);
    // Keyv takes the serialised text where its types say the value.
    return bytes?.toString() as StoredData<Value> | undefined;
  }

  /** @throws CacheValueTooLargeError: nothing was stored */
  async set(key: string, value: unknown, ttlMs?: number): Promise<boolean> {
    const bytes = Buffer.from(String(value));
    const { maxValueBytes } = this.#options;
    if (bytes.length > maxValueBytes) {
      throw new CacheValueTooLargeError(key, bytes.length, maxValueBytes);
    }
    await this.#driver.set(key, bytes, this.#wholeTtl(ttlMs));
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#driver.delete([key])) > 0;
  }

  async clear(): Promise<void> {
    await this.#driver.deleteMatching(EVERYTHING);
  }

  /**
   * Keyv takes any number, and means "for ever" by none and by `Infinity`; we keep nothing for
   * ever.
   */
  #wholeTtl(ttlMs: number | undefined): number {
    if (ttlMs === undefined || !Number.isFinite(ttlMs)) return this.#options.ttlMs;
    return Math.max(1, Math.ceil(ttlMs));
  }

  /** The interface wants an emitter; this store has no events of its own. */
  on(): this {
    return this;
  }
}

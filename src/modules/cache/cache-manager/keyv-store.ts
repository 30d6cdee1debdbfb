import type { KeyvStoreAdapter, StoredData } from 'keyv';
import { CacheValueTooLargeError } from '../cache.errors.js';
import type { ByteStore } from './byte-store.js';

const EVERYTHING = '*';

export interface KeyvStoreOptions {
  /** Time to live where the caller gives none. */
  readonly ttlMs: number;
  /** Longest text stored, in bytes. */
  readonly maxValueBytes: number;
}

/** One entry, as Keyv hands over many. */
export interface KeyvEntry {
  readonly key: string;
  readonly value: unknown;
  readonly ttl?: number;
}

/**
 * A Keyv store on a store of bytes. Keyv serialises the values, and puts its namespace in front of
 * the keys; this keeps its texts. `clear` removes what was stored through it, of its namespace where
 * it has one, and nothing else.
 */
export class KeyvStore implements KeyvStoreAdapter {
  readonly opts = { dialect: 'backplane' };
  namespace?: string;
  readonly #bytes: ByteStore;
  readonly #options: KeyvStoreOptions;

  constructor(bytes: ByteStore, options: KeyvStoreOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const bytes = await this.#bytes.get(key);
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
    await this.#bytes.set(key, { bytes, ttlMs: this.#wholeTtl(ttlMs) });
    return true;
  }

  async getMany<Value>(keys: string[]): Promise<StoredData<Value | undefined>[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key)));
  }

  /** @throws CacheValueTooLargeError: the others may be stored */
  async setMany(entries: readonly KeyvEntry[]): Promise<void> {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  async has(key: string): Promise<boolean> {
    return (await this.#bytes.get(key)) !== undefined;
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  /** Resolves to whether any of them was there. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return (await this.#bytes.delete(keys)) > 0;
  }

  async clear(): Promise<void> {
    const space = this.namespace ? `${literally(this.namespace)}:` : '';
    await this.#bytes.deleteMatching(`${space}${EVERYTHING}`);
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

/** The glob that matches this text and no other. */
function literally(text: string): string {
  return text.replace(/[*?\\]/g, '\\$&');
}

import { Inject, Injectable } from '@nestjs/common';
import { CodecError, EncodedValueTooLargeError, ValueCodec } from '../../common/codec/index.js';
import { EventStream } from '../../common/events/index.js';
import { checkKeyText, compileGlob } from '../../common/redis/index.js';
import { type Duration, parseDuration } from '../../common/time/index.js';
import { CacheDriver } from './cache.driver.js';
import { CacheValueTooLargeError } from './cache.errors.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { SingleFlight } from './single-flight.js';
import './cache.events.js';

export interface CacheEntryOptions {
  /** @default the module's `ttl` */
  readonly ttl?: Duration | undefined;
}

/** A cached value and how long it still is. */
export interface CacheEntry {
  readonly value: unknown;
  readonly remainingMs: number;
}

/**
 * What a load came to: bytes that every caller unpacks for itself, or a value that has no bytes.
 */
type Loaded = { readonly bytes: Buffer } | { readonly value: unknown };

/**
 * The cache. Values keep their type (Date, Map, Set, bigint, Buffer, …) and no two callers ever get
 * the same object, so changing what was returned changes nothing in the cache.
 *
 * While Redis is away the failure policy answers; no method fails because of it.
 */
@Injectable()
export class CacheService {
  readonly #codec: ValueCodec;
  readonly #loads = new SingleFlight<Loaded>();

  constructor(
    @Inject(CacheDriver) private readonly driver: CacheDriver,
    @Inject(CACHE_OPTIONS) private readonly options: ResolvedCacheOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {
    const { compressAboveBytes, maxValueBytes } = options;
    this.#codec = new ValueCodec({ compressAboveBytes, maxBytes: maxValueBytes });
  }

  /**
   * The value, or `undefined` when there is none. The type is the caller's claim; nothing checks
   * it.
   *
   * @throws InvalidOptionError when the key is empty or longer than 1 kB
   */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    const bytes = await this.driver.get(key);
    // Small values are decoded at once; awaiting them as well would cost every hit a promise.
    const decoding = bytes === undefined ? undefined : this.#decode(key, bytes);
    const value = decoding instanceof Promise ? await decoding : decoding;
    this.events.emit(value === undefined ? 'cache.miss' : 'cache.hit', { key });
    return value as T | undefined;
  }

  /**
   * The value with the rest of its life, for operators: it counts as neither hit nor miss.
   * `undefined` when there is none.
   *
   * @throws InvalidOptionError when the key is empty or longer than 1 kB
   */
  async inspect(key: string): Promise<CacheEntry | undefined> {
    const [bytes, remainingMs = 0] = await Promise.all([
      this.driver.get(key),
      this.driver.remainingMs(key),
    ]);
    const value: unknown = bytes === undefined ? undefined : await this.#decode(key, bytes);
    return value === undefined ? undefined : { value, remainingMs };
  }

  /**
   * Stores a value. `undefined` cannot be stored, because `get` could not tell it from nothing: it
   * removes the key.
   *
   * @throws InvalidOptionError for a wrong key or ttl
   * @throws CacheValueTooLargeError @throws CodecError
   */
  async set(key: string, value: unknown, options: CacheEntryOptions = {}): Promise<void> {
    const ttlMs = this.#ttl(options);
    if (value === undefined) {
      await this.delete(key);
      return;
    }
    const bytes = await this.#encode(checkKeyText(key, 'key'), value);
    this.#loads.invalidate(key);
    await this.#store(key, bytes, ttlMs);
  }

  /**
   * Removes the keys. Resolves to how many were there. A load under way will not store its result.
   */
  async delete(...keys: readonly string[]): Promise<number> {
    for (const key of keys) this.#loads.invalidate(key);
    const removed = await this.driver.delete(keys);
    this.events.emit('cache.invalidated', { keys, removed });
    return removed;
  }

  /**
   * Removes every key that matches: `*` any text, `?` one character, `\` takes the next literally.
   * Resolves to how many were removed. Takes time in proportion to all keys of the server.
   */
  async deleteMatching(pattern: string): Promise<number> {
    this.#loads.invalidateMatching(compileGlob(checkKeyText(pattern, 'pattern')));
    const removed = await this.driver.deleteMatching(pattern);
    this.events.emit('cache.invalidated', { pattern, removed });
    return removed;
  }

  /**
   * The cached value, or what `loader` returns, which is stored. Any number of concurrent callers
   * in this process make one loader run and share its outcome, also its error; errors and
   * `undefined` are not stored. A value too large to store, or without a binary form, is returned
   * and not stored.
   *
   * @example
   * const report = await cache.getOrSet(`report:${id}`, () => build(id), { ttl: '10m' });
   */
  async getOrSet<T>(
    key: string,
    loader: () => T | Promise<T>,
    options: CacheEntryOptions = {},
  ): Promise<T> {
    const ttlMs = this.#ttl(options);
    const cached = await this.get<T>(key);
    if (cached !== undefined) return cached;
    const loaded = await this.#loads.run(key, (isStale) =>
      this.#load(key, { loader, ttlMs, isStale }),
    );
    return ('bytes' in loaded ? await this.#codec.decode(loaded.bytes) : loaded.value) as T;
  }

  async #load(
    key: string,
    run: { loader: () => unknown; ttlMs: number; isStale: () => boolean },
  ): Promise<Loaded> {
    const value = await run.loader();
    if (value === undefined) return { value };
    try {
      const bytes = await this.#encode(key, value);
      if (!run.isStale()) await this.#store(key, bytes, run.ttlMs);
      return { bytes };
    } catch (error) {
      if (!(error instanceof CodecError || error instanceof CacheValueTooLargeError)) throw error;
      this.events.emit('cache.rejected', { key, reason: error.code });
      return { value };
    }
  }

  async #store(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    await this.driver.set(key, bytes, ttlMs);
    this.events.emit('cache.stored', { key, bytes: bytes.length });
  }

  async #encode(key: string, value: unknown): Promise<Buffer> {
    try {
      return await this.#codec.encode(value);
    } catch (error) {
      if (!(error instanceof EncodedValueTooLargeError)) throw error;
      throw new CacheValueTooLargeError(key, error.bytes, error.maxBytes);
    }
  }

  /** Bytes of another format, or damaged ones, are as good as absent. */
  #decode(key: string, bytes: Buffer): unknown {
    const reject = (error: unknown): undefined => {
      if (!(error instanceof CodecError)) throw error;
      this.events.emit('cache.rejected', { key, reason: error.code });
    };
    try {
      const decoding = this.#codec.decode(bytes);
      return decoding instanceof Promise ? decoding.catch(reject) : decoding;
    } catch (error) {
      return reject(error);
    }
  }

  #ttl(options: CacheEntryOptions): number {
    return options.ttl === undefined ? this.options.ttlMs : parseDuration(options.ttl, 'ttl');
  }
}

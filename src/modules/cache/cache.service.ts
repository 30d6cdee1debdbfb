import { Inject, Injectable } from '@nestjs/common';
import { checkKeyText } from '../../common/redis/index.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { type CacheCounts, CacheCounters } from './cache-counters.js';
import { CacheEngine } from './cache-engine.js';
import { type CacheEntryOptions, resolveTerms, tagList } from './cache-entry.options.js';
import type { CacheFormat } from './cache-format.js';
import type { CacheKey } from './cache-key.js';
import type { CacheLoader, EntryTerms } from './cache-loader.js';
import { namespaceTag } from './engine/namespaces.js';
import { ValueFormat } from './engine/value-format.js';
import { type CacheWrite, CacheWriter, type WriteQuery } from './write/cache-writer.js';
import type { DeadWriteList } from './write/dead-writes.js';

/** A stored value as operators see it. */
export interface CacheEntry {
  readonly value: unknown;
  /** Until its time is over, ms; 0 where it is, or was purged, and may still be served as stale. */
  readonly remainingMs: number;
  readonly ageMs: number;
}

/** What this process counted since it started, and what it holds now. */
export interface CacheStats extends CacheCounts {
  /** Copies of entries in this process. */
  readonly copies: { readonly entries: number; readonly bytes: number };
}

/** How entries are outdated. */
export interface PurgeOptions {
  /**
   * `true`: they count as stale, and are served as such, by `staleWhileRevalidate` and
   * `staleIfError`, until they were loaded anew. @default false: they are gone
   */
  readonly soft?: boolean;
}

export interface ClearOptions extends PurgeOptions {
  /** Only the entries whose keys begin with it and a colon. @default all */
  readonly namespace?: string;
}

/**
 * The cache. Values keep their type (Date, Map, Set, bigint, Buffer, …) and no two callers ever get
 * the same object, so changing what was returned changes nothing in the cache.
 *
 * A value that was loaded before an invalidation is not served after it. While Redis is away the
 * failure policy answers; no method fails because of it.
 */
@Injectable()
export class CacheService {
  readonly #format: CacheFormat<unknown>;
  /** Of option objects that cannot change, as those of decorators. */
  readonly #terms = new WeakMap<CacheEntryOptions, EntryTerms>();

  constructor(
    @Inject(CacheEngine) private readonly engine: CacheEngine,
    @Inject(CACHE_OPTIONS) private readonly options: ResolvedCacheOptions,
    @Inject(CacheCounters) private readonly counters: CacheCounters,
    @Inject(CacheWriter) private readonly writer: CacheWriter,
  ) {
    const { compressAboveBytes, maxValueBytes } = options;
    this.#format = new ValueFormat({ compressAboveBytes, maxBytes: maxValueBytes });
  }

  /**
   * The value, or `undefined` when there is none that is fresh. The type is the key's, or the
   * caller's claim; nothing checks it.
   *
   * @throws InvalidOptionError when the key is empty or longer than 1 kB
   */
  async get<T = unknown>(key: CacheKey<T>): Promise<T | undefined> {
    const answer = await this.engine.get(key, this.#format);
    return answer?.value as T | undefined;
  }

  /**
   * The value with its age and the rest of its life, for operators: it counts as neither hit nor
   * miss. `undefined` when there is none.
   *
   * @throws InvalidOptionError when the key is empty or longer than 1 kB
   */
  async inspect(key: string): Promise<CacheEntry | undefined> {
    const answer = await this.engine.inspect(key, this.#format);
    if (answer?.value === undefined) return undefined;
    const { value, ageMs, freshForMs } = answer;
    return { value, ageMs: Math.round(ageMs), remainingMs: Math.max(0, Math.floor(freshForMs)) };
  }

  /**
   * Stores a value, whatever was there. `false` for one that is larger than `maxValueBytes`: nothing
   * is there then, and the event `cache.rejected` says so. `undefined` cannot be stored, because
   * `get` could not tell it from nothing: it removes the key.
   *
   * @throws InvalidOptionError for a wrong key or option
   * @throws CodecError for a value that holds a function, a symbol or a cycle
   */
  async set<T>(
    key: CacheKey<T>,
    value: NoInfer<T> | undefined,
    options: CacheEntryOptions = NO_OPTIONS,
  ): Promise<boolean> {
    const terms = this.#termsOf(options);
    checkKeyText(key, 'key');
    if (value === undefined) {
      await this.delete(key);
      return true;
    }
    return this.engine.set({ key, terms, format: this.#format }, value);
  }

  /**
   * The cached value, or what `loader` returns, which is stored. Any number of concurrent callers
   * make one loader run and share its outcome, also its error: those of one process always, those of
   * all processes where `LockModule` is there.
   *
   * Errors and `undefined` are not stored. A value too large to store, or without a binary form, is
   * returned and not stored.
   *
   * @throws whatever the loader throws, unless an old value may be served (`staleIfError`)
   * @throws CacheLoadTimeoutError @throws InvalidOptionError for a wrong key or option
   * @example
   * const report = await cache.getOrSet(`report:${id}`, () => build(id), {
   *   ttl: '10m', staleWhileRevalidate: '1h', tags: [`customer:${customerId}`],
   * });
   */
  async getOrSet<T>(
    key: CacheKey<T>,
    loader: CacheLoader<T>,
    options: CacheEntryOptions = NO_OPTIONS,
  ): Promise<T> {
    const terms = this.#termsOf(options);
    const query = { key: checkKeyText(key, 'key'), loader, terms, format: this.#format };
    const answer = await this.engine.getOrLoad(query);
    return answer.value as T;
  }

  /**
   * Write-through: writes the value to its source, by `write`, then to the cache; resolves to what
   * `write` does. Afterwards nothing that was loaded before is there, nor what a slower writer left.
   * A failing cache fails no call. For a value above `maxValueBytes`, or `undefined`, the key is
   * removed.
   *
   * @throws whatever `write` throws: the cache is as it was. Delete the key where the source may have
   * been written all the same
   * @throws CodecError, InvalidOptionError before anything is written
   */
  async writeThrough<T, V extends T, R>(
    key: CacheKey<T>,
    value: V,
    write: CacheWrite<V, R>,
    options: CacheEntryOptions = NO_OPTIONS,
  ): Promise<R> {
    return this.writer.writeThrough(this.#queryOf<V>(key, options), value, write);
  }

  /**
   * Write-behind: writes the value to the cache, and later to its source, as the module's option
   * `writeBehind` says. Writes of a key run one at a time and in order, of those that wait only the
   * latest. Failures are tried again, then listed in `deadWrites`. What waits is in this process
   * alone: a crash loses it. What the cache cannot hold is written through.
   *
   * @throws CacheWriteQueueFullError where it is to, before anything is written
   * @throws CodecError, InvalidOptionError before anything is written
   */
  async writeBehind<T, V extends T>(
    key: CacheKey<T>,
    value: V,
    write: CacheWrite<V>,
    options: CacheEntryOptions = NO_OPTIONS,
  ): Promise<void> {
    return this.writer.writeBehind(this.#queryOf<V>(key, options), value, write);
  }

  /** What `writeBehind` of this process gave up. */
  get deadWrites(): DeadWriteList {
    return this.writer.deadWrites;
  }

  /**
   * Removes the keys. Resolves to how many were there. A load under way will not store its result.
   */
  async delete(...keys: readonly string[]): Promise<number> {
    return this.engine.delete(keys);
  }

  /**
   * Removes every key that matches: `*` any text, `?` one character, `\` takes the next literally.
   * Resolves to how many were removed. Takes time in proportion to all keys of the server.
   */
  async deleteMatching(pattern: string): Promise<number> {
    return this.engine.deleteMatching(checkKeyText(pattern, 'pattern'));
  }

  /**
   * Outdates every entry that has any of the tags, in constant time however many there are.
   *
   * @throws InvalidOptionError for a text that cannot be a tag
   */
  async invalidateTags(
    tags: readonly string[],
    { soft = false }: PurgeOptions = {},
  ): Promise<void> {
    const scope = tagList(tags, 'tags');
    if (scope.length > 0) await this.engine.purge(scope, soft ? 'soft' : 'hard');
  }

  /**
   * Outdates every entry, or those of a namespace, in constant time. What they take of memory is free
   * when their time is over; `deleteMatching('*')` removes them.
   */
  async clear({ namespace, soft = false }: ClearOptions = {}): Promise<void> {
    const scope = namespace === undefined ? 'everything' : [namespaceTag(namespace)];
    await this.engine.purge(scope, soft ? 'soft' : 'hard');
  }

  /** The figures of this process since its start. Asks nobody. */
  stats(): CacheStats {
    const { entries, bytes } = this.engine.copies;
    return { ...this.counters.counts(), copies: { entries, bytes } };
  }

  #queryOf<T>(key: string, options: CacheEntryOptions): WriteQuery<T> {
    const terms = this.#termsOf(options);
    return { key: checkKeyText(key, 'key'), terms, format: this.#format as CacheFormat<T> };
  }

  #termsOf(options: CacheEntryOptions): EntryTerms {
    const known = this.#terms.get(options);
    if (known !== undefined) return known;
    const terms = resolveTerms(options, this.options.entries);
    if (Object.isFrozen(options)) this.#terms.set(options, terms);
    return terms;
  }
}

const NO_OPTIONS: CacheEntryOptions = Object.freeze({});

import { CodecError } from '../../common/codec/index.js';
import type { EventStream } from '../../common/events/index.js';
import type { Clock } from '../../common/time/index.js';
import type { CacheChange, CacheDriver, PurgeKind, PurgeScope } from './cache.driver.js';
import type { CacheFormat } from './cache-format.js';
import type { CacheAnswer, CacheQuery } from './cache-loader.js';
import { Answers } from './engine/answers.js';
import { type Entry, isFresh, isRefreshedEarly, isServedStale } from './engine/entry.js';
import { EntryStore } from './engine/entry-store.js';
import { type LoadClaims, LoadRunner } from './engine/load-runner.js';
import { Loads } from './engine/loads.js';
import { LocalCopies } from './engine/local-copies.js';
import { OwnChanges } from './engine/own-changes.js';
import { isTooLarge, rejectionReason } from './engine/rejection.js';
import { type SourceWrite, SourceWrites } from './engine/source-writes.js';
import './cache.events.js';

export interface CacheEngineOptions {
  readonly driver: CacheDriver;
  readonly clock: Clock;
  readonly events: EventStream;
  /** Are copies kept in this process, where the driver tells of changes? */
  readonly localCopies: boolean;
  /** Bounds of the copies in this process. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Who has to go beyond them: the least recently, or the least frequently used. */
  readonly eviction: 'lru' | 'lfu';
  /** After a load that failed, a key is not loaded again for so long while it has a stale value. */
  readonly failureBackOffMs: number;
  /** Absent: every process loads for itself. */
  readonly claims?: LoadClaims | undefined;
}

/**
 * What every entry point of the cache goes through: copies in this process in front of the driver,
 * one load at a time, stale values where the terms allow them.
 *
 * No value that was loaded before an acknowledged invalidation is served after it: not from the
 * store, not to who waits for a load, and not from the copies of other processes once they were told.
 */
export class CacheEngine {
  readonly #options: CacheEngineOptions;
  readonly #answers: Answers;
  readonly #copies: LocalCopies;
  readonly #store: EntryStore;
  readonly #loads: Loads;
  readonly #changes: OwnChanges;
  readonly #writes: SourceWrites;

  constructor(options: CacheEngineOptions) {
    const { driver, clock, events } = options;
    const onEvicted = (key: string): void => events.emit('cache.evicted', { key });
    this.#options = options;
    this.#answers = new Answers(clock, events);
    const changes = options.localCopies ? driver.changes : undefined;
    this.#copies = new LocalCopies({ ...options, changes, onEvicted });
    this.#store = new EntryStore({ ...options, copies: this.#copies });
    const runner = new LoadRunner({ ...options, store: this.#store });
    this.#loads = new Loads({ ...options, runner, answers: this.#answers });
    driver.changes?.onChange((change) => this.#loads.letGo(change));
    this.#changes = new OwnChanges({ ...options, copies: this.#copies, loads: this.#loads });
    const letGo = (change: CacheChange): void => this.#loads.letGo(change);
    const remove = (key: string): Promise<unknown> => this.delete([key]);
    this.#writes = new SourceWrites({ ...options, store: this.#store, letGo, remove });
  }

  /** Copies in this process. */
  get copies(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#copies.count, bytes: this.#copies.bytes };
  }

  /**
   * A fresh copy in this process that was unpacked before, without waiting. `undefined`: ask
   * `getOrLoad`, also now and then for an entry that is to be refreshed early.
   */
  peek<T>(key: string, format: CacheFormat<T>, earlyRefresh = 0): CacheAnswer<T> | undefined {
    const found = this.glance(key, format, earlyRefresh);
    if (found !== undefined) this.countHit(key);
    return found;
  }

  /** As `peek`, but counts nothing: for who may not use what is there. */
  glance<T>(key: string, format: CacheFormat<T>, earlyRefresh: number): CacheAnswer<T> | undefined {
    const entry = this.#copies.get(key);
    if (entry?.unpacked?.format !== format) return undefined;
    if (!isFresh(entry, this.#now) || isRefreshedEarly(entry, earlyRefresh, this.#now)) {
      return undefined;
    }
    return this.#answers.ready(entry, { format, from: 'process' });
  }

  /** What was glanced at is the answer. */
  countHit(key: string): void {
    this.#options.events.emit('cache.hit', { key, from: 'process' });
  }

  /** A fresh value; `undefined` when there is none. */
  async get<T>(key: string, format: CacheFormat<T>): Promise<CacheAnswer<T> | undefined> {
    const local = this.#copies.get(key);
    const entry = local ?? (await this.#store.read(key));
    const from = local === undefined ? 'store' : 'process';
    if (entry !== undefined && isFresh(entry, this.#now)) {
      const answering = this.#answers.of(key, entry, { format, from });
      const answer = answering instanceof Promise ? await answering : answering;
      if (answer !== undefined) {
        this.#options.events.emit('cache.hit', { key, from });
        return answer;
      }
    }
    this.#options.events.emit('cache.miss', { key });
    return undefined;
  }

  /** What the store holds, be it fresh or not; it counts as neither hit nor miss. */
  async inspect<T>(key: string, format: CacheFormat<T>): Promise<CacheAnswer<T> | undefined> {
    const entry = await this.#store.read(key);
    return entry === undefined
      ? undefined
      : this.#answers.of(key, entry, { format, from: 'store' });
  }

  /**
   * The value, loaded where there is none that the terms let be served. Concurrent callers share one
   * load, and its error.
   *
   * @throws whatever the loader throws, where no stale value may be served; a `LoadRefusal` as it is
   * @throws CacheLoadTimeoutError
   */
  async getOrLoad<T>(query: CacheQuery<T>): Promise<CacheAnswer<T>> {
    const since = this.#loads.latest;
    for (;;) {
      const local = this.#copies.get(query.key);
      // One that is not fresh may have been replaced by another process, unless we are at it.
      const isLocal =
        local !== undefined && (isFresh(local, this.#now) || this.#loads.isLoading(query));
      const entry = isLocal ? local : await this.#store.read(query.key);
      const from = isLocal ? 'process' : 'store';
      const serving = query.isReload ? undefined : entry && this.#serve(query, entry, from);
      const found = serving instanceof Promise ? await serving : serving;
      if (found !== undefined) return found;
      this.#options.events.emit('cache.miss', { key: query.key });
      const answer = await this.#loads.load(query, { entry, since });
      if (answer !== 'retry') return answer;
    }
  }

  /**
   * Stores a value, whatever is there. `false` for one that is too large: nothing is there then.
   *
   * @throws CodecError for a value without a binary form; what was there stays
   */
  async set<T>(query: Omit<CacheQuery<T>, 'loader'>, value: T): Promise<boolean> {
    const { key, terms, format } = query;
    const bytes = await this.#encode(key, value, format);
    if (bytes === undefined) {
      await this.delete([key]);
      return false;
    }
    const put = { bytes, freshMs: terms.ttlMs, loadMs: 0, tags: terms.tags, terms };
    await this.#changes.make({ keys: [key] }, () =>
      this.#store.put(key, { ...put, taken: this.#store.now }),
    );
    return true;
  }

  /**
   * Writes the value to its source, and then to the cache: no load that began before, nor a write
   * that overtook this one, leaves an older value there. `undefined`: nothing is there afterwards.
   *
   * @throws CodecError for a value without a binary form, before anything is written
   * @throws whatever `write` throws; the cache is as it was then
   */
  async write<T, R>(
    { key, terms, format }: Omit<CacheQuery<T>, 'loader'>,
    value: T | undefined,
    write: SourceWrite<R>,
  ): Promise<R> {
    const bytes = value === undefined ? undefined : await this.#encode(key, value, format);
    return this.#writes.run({ key, terms, bytes, write });
  }

  /** Removes the keys. Resolves to how many were there. */
  delete(keys: readonly string[]): Promise<number> {
    return this.#changes.delete(keys);
  }

  /** Removes every key that matches the glob. Resolves to how many were removed. */
  deleteMatching(pattern: string): Promise<number> {
    return this.#changes.deleteMatching(pattern);
  }

  /** Outdates what was made of any of the tags, or everything, in constant time. */
  purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    return this.#changes.purge(scope, kind);
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  /** What the terms let be served without waiting for a load; begins one where it is time. */
  #serve<T>(
    query: CacheQuery<T>,
    entry: Entry,
    from: 'process' | 'store',
  ): Promise<CacheAnswer<T> | undefined> | CacheAnswer<T> | undefined {
    const { key, terms, format } = query;
    const fresh = isFresh(entry, this.#now);
    if (!fresh && !isServedStale(entry, terms, this.#now)) return undefined;
    const answering = this.#answers.of(key, entry, { format, from });
    const serve = (answer: CacheAnswer<T> | undefined): CacheAnswer<T> | undefined => {
      if (answer === undefined) return undefined;
      const { events } = this.#options;
      if (fresh) events.emit('cache.hit', { key, from });
      else events.emit('cache.stale', { key, reason: 'revalidating' });
      if (!fresh || isRefreshedEarly(entry, terms.earlyRefresh, this.#now)) {
        this.#loads.refresh(query, entry);
      }
      return answer;
    };
    return answering instanceof Promise ? answering.then(serve) : serve(answering);
  }

  async #encode<T>(key: string, value: T, format: CacheFormat<T>): Promise<Buffer | undefined> {
    try {
      return await format.encode(value);
    } catch (error) {
      if (!(error instanceof CodecError) || !isTooLarge(error)) throw error;
      this.#options.events.emit('cache.rejected', { key, reason: rejectionReason(error) });
      return undefined;
    }
  }
}

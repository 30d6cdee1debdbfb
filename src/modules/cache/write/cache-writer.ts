import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { CodecError } from '../../../common/codec/index.js';
import { EventStream } from '../../../common/events/index.js';
import { CacheWriteAbandonedError } from '../cache.errors.js';
import { CACHE_OPTIONS } from '../cache.module-definition.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import { CacheEngine } from '../cache-engine.js';
import type { CacheQuery } from '../cache-loader.js';
import { isTooLarge } from '../engine/rejection.js';
import { type DeadWriteList, DeadWrites } from './dead-writes.js';
import { KeyTurns } from './key-turns.js';
import { type FailedWrite, type PendingWrite, WriteQueue } from './write-queue.js';

/** Brings the value of a key to its source, such as a database. */
export type CacheWrite<T, R = unknown> = (value: T) => R | Promise<R>;

/** An entry that is to be written. */
export type WriteQuery<T> = Omit<CacheQuery<T>, 'loader'>;

/** Writes to sources with the cache before them; what is done to one key is done in order. */
@Injectable()
export class CacheWriter implements BeforeApplicationShutdown {
  readonly #dead: DeadWrites;
  readonly #logger = new Logger('CacheModule');
  readonly #turns = new KeyTurns();
  readonly #queue: WriteQueue;

  constructor(
    @Inject(CacheEngine) private readonly engine: CacheEngine,
    @Inject(CACHE_OPTIONS) private readonly options: ResolvedCacheOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {
    const { writeBehind } = options;
    this.#dead = new DeadWrites(writeBehind.maxDead, events, (write) => this.#replay(write));
    this.#queue = new WriteQueue({
      ...writeBehind,
      onRetried: ({ write, ...failed }) =>
        events.emit('cache.write-retried', { key: write.key, ...failed }),
      onGivenUp: (failed) => this.#giveUp(failed),
    });
  }

  get deadWrites(): DeadWriteList {
    return this.#dead;
  }

  /** @throws whatever `write` throws @throws CodecError */
  async writeThrough<T, R>(query: WriteQuery<T>, value: T, write: CacheWrite<T, R>): Promise<R> {
    return this.#turns.run(query.key, () => this.#writeNow(query, value, write));
  }

  /** @throws CacheWriteQueueFullError @throws CodecError */
  async writeBehind<T>(query: WriteQuery<T>, value: T, write: CacheWrite<T>): Promise<void> {
    await this.#turns.run(query.key, async () => {
      const copy = await copyOf(query, value);
      const isIn = copy !== undefined && (await this.#queue.enter(query.key));
      if (!isIn) await this.#writeNow(query, value, write);
      else await this.#writeLater(query, copy.value, write);
    });
  }

  /** Writes what is left, within the time there is for it. */
  async beforeApplicationShutdown(): Promise<void> {
    const { shutdownTimeoutMs } = this.options.writeBehind;
    const reasonOf = (key: string): Error => new CacheWriteAbandonedError(key, shutdownTimeoutMs);
    await this.#queue.drain(shutdownTimeoutMs, reasonOf);
    const lost = this.#dead.list().map(({ key }) => key);
    if (lost.length === 0) return;
    await this.#forgetCached(...lost);
    this.#logger.error(`Values that never reached their source are lost: ${lost.join(', ')}`);
  }

  async #writeNow<T, R>(query: WriteQuery<T>, value: T, write: CacheWrite<T, R>): Promise<R> {
    await this.#queue.whenIdle(query.key);
    const result = await this.engine.write(query, value, () => write(value));
    this.#dead.forget(query.key);
    return result;
  }

  async #writeLater<T>(query: WriteQuery<T>, value: T, write: CacheWrite<T>): Promise<void> {
    const { key } = query;
    try {
      if (value === undefined) await this.engine.delete([key]);
      else await this.engine.set(query, value);
    } catch (error) {
      this.#queue.leave(key);
      throw error;
    }
    this.#dead.forget(key);
    const run = (): Promise<unknown> => this.engine.write(query, value, () => write(value));
    if (!this.#queue.put({ key, value, run })) await run();
  }

  async #replay(write: PendingWrite): Promise<boolean> {
    return this.#turns.run(write.key, async () => {
      // Otherwise a newer one took its place while this one waited for its turn.
      if (!this.#dead.holds(write) || !(await this.#queue.enter(write.key))) return false;
      if (!this.#queue.put(write)) return false;
      this.#dead.forget(write.key);
      return true;
    });
  }

  /** The cache is to say what the source says, unless a newer value is on its way to both. */
  #giveUp(failed: FailedWrite): void {
    const { write, attempts, error } = failed;
    const { key } = write;
    this.#dead.add(failed);
    this.events.emit('cache.write-dead', { key, attempts, error });
    void this.#turns.run(key, async () => {
      if (this.#dead.holds(write)) await this.#forgetCached(key);
    });
  }

  async #forgetCached(...keys: readonly string[]): Promise<void> {
    try {
      await this.engine.delete(keys);
    } catch (error) {
      for (const key of keys) this.events.emit('cache.write-unseen', { key, error });
    }
  }
}

/**
 * What the caller changes later is not what was to be written. `undefined` for a value that the cache
 * cannot keep. @throws CodecError
 */
async function copyOf<T>(
  { format }: WriteQuery<T>,
  value: T,
): Promise<{ readonly value: T } | undefined> {
  if (value === undefined) return { value };
  try {
    return { value: await format.decode(await format.encode(value)) };
  } catch (error) {
    if (error instanceof CodecError && isTooLarge(error)) return undefined;
    throw error;
  }
}

import type { EventStream } from '../../../common/events/index.js';
import { compileGlob } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { CacheChange } from '../cache.driver.js';
import { type CacheAnswer, type CacheQuery, LoadRefusal } from '../cache-loader.js';
import type { Answers } from './answers.js';
import { BackOff } from './back-off.js';
import { type Entry, isServedOnError } from './entry.js';
import type { LoadOrder } from './load-order.js';
import type { Loaded, LoadRunner } from './load-runner.js';
import { type Flight, SingleFlight } from './single-flight.js';
import { unlessLater } from './soft-timeout.js';

export interface LoadsOptions {
  readonly runner: LoadRunner;
  readonly answers: Answers;
  readonly clock: Clock;
  readonly events: EventStream;
  /** After a load that failed, a key is not loaded again for so long while it has a stale value. */
  readonly failureBackOffMs: number;
}

/** What a caller found before it had to load. */
export interface Found {
  readonly entry: Entry | undefined;
  /** Loads that began until then are older than the call. */
  readonly since: number;
}

/** `retry`: what was loaded may be older than the call, so that it has to look again. */
export type LoadAnswer<T> = CacheAnswer<T> | 'retry';

/** The loads of this process: one at a time for each key, shared by those who come meanwhile. */
export class Loads {
  readonly #options: LoadsOptions;
  readonly #flights = new SingleFlight<Loaded>();
  readonly #failed: BackOff;

  constructor(options: LoadsOptions) {
    this.#options = options;
    this.#failed = new BackOff(options.clock, options.failureBackOffMs);
  }

  /** A moment in the order in which loads begin. */
  get latest(): number {
    return this.#flights.latest;
  }

  isLoading<T>({ key, format }: CacheQuery<T>): boolean {
    return this.#flights.find(key, format) !== undefined;
  }

  /** Loads the value, or waits for who does; a stale one where that fails, or takes too long. */
  async load<T>(query: CacheQuery<T>, { entry, since }: Found): Promise<LoadAnswer<T>> {
    const { key, terms } = query;
    const stale = entry && isServedOnError(entry, terms, this.#now) ? entry : undefined;
    const old = stale && (await this.#stale(query, stale));
    if (old === undefined) return this.#await(query, this.#flight(query, entry), since);
    if (this.#failed.covers(key)) return this.#served(query, old, 'load-failed');
    const answering = this.#await(query, this.#flight(query, entry), since);
    try {
      const answer = await unlessLater(answering, terms.softTimeoutMs);
      if (answer !== undefined) return answer;
      answering.catch((error: unknown) => this.#tellFailed(key, error));
      return this.#served(query, old, 'revalidating');
    } catch (error) {
      if (error instanceof LoadRefusal) throw error;
      this.#tellFailed(key, error);
      return this.#served(query, old, 'load-failed');
    }
  }

  /** Loads anew while the old value is served. Nobody waits for it. */
  refresh<T>(query: CacheQuery<T>, insteadOf: Entry): void {
    const { key } = query;
    if (this.isLoading(query) || this.#failed.covers(key)) return;
    const flight = this.#start({ ...query, insteadOf, isBackground: true });
    flight.result.catch((error: unknown) => this.#tellFailed(key, error));
  }

  /** Nobody joins what the change outdates any more. */
  letGo(change: CacheChange): void {
    if ('keys' in change) this.#flights.letGoOf(change.keys);
    else if ('pattern' in change) this.#flights.letGo(compileGlob(change.pattern));
    else this.#flights.letGo(() => true);
  }

  #tellFailed(key: string, error: unknown): void {
    if (error instanceof LoadRefusal) return;
    this.#options.events.emit('cache.load-failed', { key, error });
  }

  get #now(): number {
    return this.#options.clock.monotonic();
  }

  /** Joins the load under way, or begins one. */
  #flight<T>(query: CacheQuery<T>, insteadOf: Entry | undefined): Joined {
    const { key, format } = query;
    const flight = this.#flights.find(key, format);
    if (flight === undefined) {
      return { flight: this.#start({ ...query, insteadOf, isBackground: false }), isOwn: true };
    }
    this.#options.events.emit('cache.joined', { key });
    return { flight, isOwn: false };
  }

  #start<T>(order: LoadOrder<T>): Flight<Loaded> {
    return this.#flights.start(order.key, order.format, async () => {
      try {
        return await this.#options.runner.run(order);
      } catch (error) {
        if (!(error instanceof LoadRefusal)) this.#failed.note(order.key);
        throw error;
      }
    });
  }

  async #await<T>(query: CacheQuery<T>, joined: Joined, since: number): Promise<LoadAnswer<T>> {
    const { flight, isOwn } = joined;
    const loaded = await flight.result;
    if (!isOwn && flight.number <= since && isOutdated(loaded)) return 'retry';
    const { answers } = this.#options;
    if (loaded.outcome === 'unstored') return answers.unstored(loaded.value as T);
    const { format, key } = query;
    const answer = await answers.of(key, loaded.entry, { format, from: 'load' });
    if (answer === undefined) return 'retry';
    const isStored = loaded.outcome === 'stored' || loaded.outcome === 'found';
    return isStored ? answer : { ...answer, isStored };
  }

  async #stale<T>(
    { key, format }: CacheQuery<T>,
    entry: Entry,
  ): Promise<CacheAnswer<T> | undefined> {
    return this.#options.answers.of(key, entry, { format, from: 'store' });
  }

  #served<T>(
    { key }: CacheQuery<T>,
    old: CacheAnswer<T>,
    reason: 'revalidating' | 'load-failed',
  ): CacheAnswer<T> {
    this.#options.events.emit('cache.stale', { key, reason });
    return old;
  }
}

interface Joined {
  readonly flight: Flight<Loaded>;
  readonly isOwn: boolean;
}

function isOutdated(loaded: Loaded): boolean {
  return loaded.outcome === 'unstored' ? loaded.isOutdated : loaded.outcome === 'outdated';
}

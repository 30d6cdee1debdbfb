import { CodecError } from '../../../common/codec/index.js';
import { runOutsideRequests } from '../../../common/context/index.js';
import type { EventStream } from '../../../common/events/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { CacheDriver, LoadPermit, SetOutcome } from '../cache.driver.js';
import { CacheLoadTimeoutError } from '../cache.errors.js';
import type { EntryTerms } from '../cache-loader.js';
import { type Entry, isFresh } from './entry.js';
import type { EntryStore } from './entry-store.js';
import type { LoadOrder } from './load-order.js';
import { type Made, runLoader } from './loader-run.js';
import type { Moment } from './local-copies.js';
import { tagsOf } from './namespaces.js';
import { rejectionReason } from './rejection.js';

/** What a load came to: an entry that others can unpack, or a value for those who wait. */
export type Loaded =
  | { readonly entry: Entry; readonly outcome: SetOutcome | 'found' }
  | { readonly value: unknown; readonly outcome: 'unstored'; readonly isOutdated: boolean };

/** Leave to load a key. */
export interface LoadClaim {
  /** Nobody else had it just before: there is nothing yet that could be found. */
  readonly isFirst: boolean;
  /** May be called again. */
  release(): void;
}

/** `undefined`: nobody can be asked, or the time is over. */
export interface LoadClaims {
  claim(key: string, waitMs: number): Promise<LoadClaim | undefined>;
}

export interface LoadRunnerOptions {
  readonly driver: CacheDriver;
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly events: EventStream;
  /** Absent: every process loads for itself. */
  readonly claims?: LoadClaims | undefined;
}

/** Runs loads: one of all processes at a time, bounded in time, and stores what they come to. */
export class LoadRunner {
  readonly #options: LoadRunnerOptions;

  constructor(options: LoadRunnerOptions) {
    this.#options = options;
  }

  /**
   * Who had to wait for another process, which left nothing, does not make the others wait in turn.
   *
   * @throws what the loader throws @throws CacheLoadTimeoutError
   */
  async run(order: LoadOrder): Promise<Loaded> {
    const { clock, claims } = this.#options;
    const { key, terms } = order;
    const startedAt = clock.monotonic();
    const claim = await claims?.claim(key, terms.hardTimeoutMs);
    try {
      const leftMs = terms.hardTimeoutMs - (clock.monotonic() - startedAt);
      if (leftMs < 1) throw new CacheLoadTimeoutError(key, terms.hardTimeoutMs);
      const begun = await this.#begin(order);
      if ('outcome' in begun) return begun;
      if (claim?.isFirst === false) claim.release();
      return await this.#load(order, begun, leftMs);
    } finally {
      claim?.release();
    }
  }

  /** Announces the load; not where somebody else has just made it. */
  async #begin(order: LoadOrder): Promise<Loaded | Begun> {
    const { store, driver, clock } = this.#options;
    const taken = store.now;
    const askedAt = clock.monotonic();
    const { permit, entry } = await this.#onBudget(order, () => driver.begin(order.key));
    const found = entry && store.adopt(order.key, entry, { taken, askedAt });
    const isOfUse = found !== undefined && isNew(found, order.insteadOf);
    if (!isOfUse || !isFresh(found, clock.monotonic())) return { permit, taken };
    return { entry: found, outcome: 'found' };
  }

  async #load(order: LoadOrder, begun: Begun, leftMs: number): Promise<Loaded> {
    let made: Made;
    try {
      made = await runLoader(order, { clock: this.#options.clock, hardTimeoutMs: leftMs });
    } catch (error) {
      void this.#cancel(order, begun, order.terms.tags);
      throw error;
    }
    const bytes = made.isToBeStored ? await this.#encode(order, made.value) : undefined;
    if (bytes === undefined) {
      const standing = await this.#cancel(order, begun, made.tags);
      return { value: made.value, outcome: 'unstored', isOutdated: standing === 'outdated' };
    }
    const { freshMs, loadMs, tags } = made;
    const { key, terms } = order;
    const put = { ...begun, bytes, loadMs, tags, terms, freshMs: shortened(freshMs, terms) };
    return this.#onBudget(order, () => this.#options.store.put(key, put));
  }

  /** `undefined` for a value that cannot be stored. */
  async #encode({ key, format }: LoadOrder, value: unknown): Promise<Buffer | undefined> {
    try {
      return await format.encode(value);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#options.events.emit('cache.rejected', { key, reason: rejectionReason(error) });
      return undefined;
    }
  }

  /** What is unknown may be outdated. */
  async #cancel(
    order: LoadOrder,
    { permit }: Begun,
    tags: readonly string[],
  ): Promise<'current' | 'outdated'> {
    const { driver } = this.#options;
    try {
      const all = tagsOf(order.key, tags);
      return await this.#onBudget(order, () => driver.cancel(order.key, permit, all));
    } catch {
      return 'outdated';
    }
  }

  #onBudget<R>({ isBackground }: LoadOrder, call: () => Promise<R>): Promise<R> {
    return isBackground ? runOutsideRequests(call) : call();
  }
}

/** A load that was announced. */
interface Begun {
  readonly permit: LoadPermit;
  readonly taken: Moment;
}

function isNew(found: Entry, insteadOf: Entry | undefined): boolean {
  return insteadOf === undefined || found.id !== insteadOf.id;
}

/** Entries made at one time do not end at one time. */
function shortened(freshMs: number, { jitter }: EntryTerms): number {
  if (jitter === 0) return freshMs;
  return Math.max(1, Math.round(freshMs * (1 - jitter * Math.random())));
}

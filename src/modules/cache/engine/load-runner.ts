import { CodecError } from '../../../common/codec/index.js';
import { runOutsideRequests } from '../../../common/context/index.js';
import type { EventStream } from '../../../common/events/index.js';
import { type Clock, type Duration, parseDuration } from '../../../common/time/index.js';
import { type CacheDriver, type LoadPermit } from '../cache.driver.js';
import { CacheLoadTimeoutError } from '../cache.errors.js';
import { tagList } from '../cache-entry.options.js';
import type { CacheQuery, EntryTerms, LoadContext } from '../cache-loader.js';
import { type Entry, isFresh } from './entry.js';
import type { EntryStore } from './entry-store.js';
import type { Moment } from './local-copies.js';
import { rejectionReason } from './rejection.js';

/** What a load came to: an entry that others can unpack, or a value for those who wait. */
export type Loaded =
  | { readonly entry: Entry; readonly outcome: 'stored' | 'outdated' | 'found' }
  | { readonly value: unknown; readonly outcome: 'unstored' };

/** Leave to be the only one, of all processes, to load a key. */
export interface LoadClaim {
  release(): void;
}

/** `undefined`: nobody can be asked, or the time is over; then the load runs without a claim. */
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

/** A load that is to be run. */
export interface LoadOrder<T = unknown> extends CacheQuery<T> {
  /** What is to be replaced, be it fresh or not: it is known, and of no use. */
  readonly insteadOf?: Entry | undefined;
  /** Nobody waits for it: it is on nobody's budget. */
  readonly isBackground: boolean;
}

/** Runs loads: one of all processes at a time, bounded in time, and stores what they come to. */
export class LoadRunner {
  readonly #options: LoadRunnerOptions;

  constructor(options: LoadRunnerOptions) {
    this.#options = options;
  }

  /** @throws what the loader throws @throws CacheLoadTimeoutError */
  async run(order: LoadOrder): Promise<Loaded> {
    const { key, terms } = order;
    const claim = await this.#options.claims?.claim(key, terms.hardTimeoutMs);
    try {
      return await this.#runAlone(order);
    } finally {
      claim?.release();
    }
  }

  async #runAlone(order: LoadOrder): Promise<Loaded> {
    const { store, driver, clock } = this.#options;
    const taken = store.now;
    const askedAt = clock.monotonic();
    const begun = await this.#onBudget(order, () => driver.begin(order.key));
    const found = begun.entry && store.adopt(order.key, begun.entry, { taken, askedAt });
    if (found !== undefined && isNew(found, order.insteadOf) && isFresh(found, clock.monotonic())) {
      return { entry: found, outcome: 'found' };
    }
    const made = await this.#make(order);
    if (made.value === undefined || !made.isToBeStored) {
      return { value: made.value, outcome: 'unstored' };
    }
    return this.#store(order, { ...made, taken, permit: begun.permit });
  }

  /** Runs the loader. */
  async #make({ key, loader, terms, isBackground }: LoadOrder): Promise<Made> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    const remarks = new Remarks(key, terms, isBackground);
    const value = await within(terms.hardTimeoutMs, remarks, () => loader(remarks));
    const isToBeStored = !remarks.isSkipped && terms.shouldStore?.(value) !== false;
    const freshMs = value === null ? (terms.negativeTtlMs ?? remarks.ttlMs) : remarks.ttlMs;
    const loadMs = clock.monotonic() - startedAt;
    const { tags } = remarks;
    return { value, freshMs, loadMs, tags, isToBeStored: isToBeStored && freshMs > 0 };
  }

  async #store(order: LoadOrder, made: MadeForStore): Promise<Loaded> {
    const { key, terms, format } = order;
    const { value, freshMs, loadMs, tags, taken, permit } = made;
    const { store } = this.#options;
    try {
      const bytes = await format.encode(value);
      const put = { bytes, freshMs: shortened(freshMs, terms), loadMs, tags, terms, taken, permit };
      return await this.#onBudget(order, () => store.put(key, put));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#options.events.emit('cache.rejected', { key, reason: rejectionReason(error) });
      return { value, outcome: 'unstored' };
    }
  }

  #onBudget<R>({ isBackground }: LoadOrder, call: () => Promise<R>): Promise<R> {
    return isBackground ? runOutsideRequests(call) : call();
  }
}

interface Made {
  readonly value: unknown;
  readonly freshMs: number;
  readonly loadMs: number;
  readonly tags: readonly string[];
  readonly isToBeStored: boolean;
}

interface MadeForStore extends Made {
  readonly taken: Moment;
  readonly permit: LoadPermit;
}

/** What a loader said of its value. */
class Remarks implements LoadContext {
  readonly key: string;
  readonly #aborter = new AbortController();
  readonly #tags: Set<string>;
  ttlMs: number;
  isSkipped = false;

  constructor(
    key: string,
    terms: EntryTerms,
    readonly isBackground: boolean,
  ) {
    this.key = key;
    this.ttlMs = terms.ttlMs;
    this.#tags = new Set(terms.tags);
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get tags(): readonly string[] {
    return [...this.#tags];
  }

  readonly setTtl = (ttl: Duration): void => {
    this.ttlMs = parseDuration(ttl, 'ttl');
  };

  readonly addTags = (...tags: readonly string[]): void => {
    for (const tag of tagList(tags, 'tags')) this.#tags.add(tag);
  };

  readonly skipStore = (): void => {
    this.isSkipped = true;
  };

  abort(reason: Error): void {
    this.#aborter.abort(reason);
  }
}

/** A loader that takes longer is told so, and left alone: what it comes to is nobody's any more. */
async function within<T>(ms: number, remarks: Remarks, load: () => T | Promise<T>): Promise<T> {
  const work = load();
  if (!(work instanceof Promise)) return work;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new CacheLoadTimeoutError(remarks.key, ms);
      remarks.abort(error);
      reject(error);
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isNew(found: Entry, insteadOf: Entry | undefined): boolean {
  return insteadOf === undefined || found.id !== insteadOf.id;
}

/** Entries made at one time do not end at one time. */
function shortened(freshMs: number, { jitter }: EntryTerms): number {
  if (jitter === 0) return freshMs;
  return Math.max(1, Math.round(freshMs * (1 - jitter * Math.random())));
}

import { CodecError } from '../../../common/codec/index.js';
import type { EventStream } from '../../../common/events/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { CacheDriver, LoadPermit, SetOutcome, StoredEntry } from '../cache.driver.js';
import type { EntryTerms } from '../cache-loader.js';
import { type Entry, entryFound } from './entry.js';
import { seal } from './envelope.js';
import type { LocalCopies, Moment } from './local-copies.js';
import { tagsOf } from './namespaces.js';

/** Ten years, the longest time to live there is. */
const LONGEST_LIFE_MS = 315_360_000_000;

export interface EntryStoreOptions {
  readonly driver: CacheDriver;
  readonly copies: LocalCopies;
  readonly clock: Clock;
  readonly events: EventStream;
}

/** When the store was asked for an entry. */
export interface Asking {
  readonly taken: Moment;
  readonly askedAt: number;
}

/** What is to be stored. */
export interface Put {
  readonly bytes: Buffer;
  readonly freshMs: number;
  readonly loadMs: number;
  readonly tags: readonly string[];
  readonly terms: Pick<EntryTerms, 'staleWhileRevalidateMs' | 'staleIfErrorMs'>;
  /** Before it was made. */
  readonly taken: Moment;
  /** Of a load; absent: whatever is there is replaced. */
  readonly permit?: LoadPermit;
  /** The source was changed: other processes have to be told. */
  readonly isChange?: boolean;
}

export interface PutEntry {
  readonly entry: Entry;
  readonly outcome: SetOutcome;
}

/** Entries in the driver, with copies of them in this process. */
export class EntryStore {
  readonly #options: EntryStoreOptions;

  constructor(options: EntryStoreOptions) {
    this.#options = options;
  }

  get now(): Moment {
    return this.#options.copies.now;
  }

  /** A copy of this process, without asking. */
  local(key: string): Entry | undefined {
    return this.#options.copies.get(key);
  }

  async read(key: string): Promise<Entry | undefined> {
    const { driver, clock, copies } = this.#options;
    const asking = { taken: copies.now, askedAt: clock.monotonic() };
    const stored = await driver.get(key);
    return stored === undefined ? undefined : this.adopt(key, stored, asking);
  }

  /** Makes what the driver answered an entry of this process; `undefined` where it is damaged. */
  adopt(key: string, stored: StoredEntry, { taken, askedAt }: Asking): Entry | undefined {
    const { copies, events } = this.#options;
    try {
      const entry = entryFound(stored, askedAt);
      if (stored.isProvisional !== true) copies.keep(key, entry, taken);
      return entry;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      events.emit('cache.rejected', { key, reason: error.code });
      return undefined;
    }
  }

  async put(key: string, put: Put): Promise<PutEntry> {
    const { driver, copies, clock, events } = this.#options;
    const { terms, freshMs, loadMs, permit, isChange } = put;
    const wanted = Math.max(terms.staleWhileRevalidateMs, terms.staleIfErrorMs);
    const graceMs = Math.min(wanted, LONGEST_LIFE_MS - freshMs);
    const lifeMs = Math.ceil(freshMs + graceMs);
    const bytes = seal({ lifeMs, graceMs, loadMs }, put.bytes);
    const tags = tagsOf(key, put.tags);
    const askedAt = clock.monotonic();
    const outcome = await driver.set(key, { bytes, ttlMs: lifeMs, tags, isChange }, permit);
    const stored = { bytes, remainingMs: lifeMs, tags, isPurged: false };
    const entry = entryFound(stored, askedAt);
    if (outcome === 'stored') {
      copies.settle(key, entry, put.taken);
      events.emit('cache.stored', { key, bytes: bytes.length });
    }
    return { entry, outcome };
  }
}

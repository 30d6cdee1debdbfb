import type { EventStream } from '../../../common/events/index.js';
import type { BegunLoad, CacheChange, CacheDriver } from '../cache.driver.js';
import type { EntryTerms } from '../cache-loader.js';
import type { EntryStore } from './entry-store.js';
import type { Moment } from './local-copies.js';

/** Brings a value to where it belongs, such as a database. */
export type SourceWrite<R = unknown> = () => R | Promise<R>;

export interface SourceWritesOptions {
  readonly driver: CacheDriver;
  readonly store: EntryStore;
  readonly events: EventStream;
  /** Nobody joins the loads of this process that the change outdates any more. */
  readonly letGo: (change: CacheChange) => void;
  readonly remove: (key: string) => Promise<unknown>;
}

/** A value on its way to its source. */
export interface WriteOrder<R> {
  readonly key: string;
  readonly terms: EntryTerms;
  /** Absent where nothing is to be in the cache afterwards. */
  readonly bytes: Buffer | undefined;
  readonly write: SourceWrite<R>;
}

/**
 * Writes to the source first, and to the cache with a permit from before: in whichever order writers
 * of one key, and loads, reach the source and the cache, only who was alone between the two leaves a
 * value there. Of all others it is not known whose value is the source's, so nothing is left.
 */
export class SourceWrites {
  readonly #options: SourceWritesOptions;

  constructor(options: SourceWritesOptions) {
    this.#options = options;
  }

  /** @throws whatever the write throws */
  async run<R>(order: WriteOrder<R>): Promise<R> {
    const { store, events } = this.#options;
    const { key, bytes, write } = order;
    const taken = store.now;
    const begun = bytes && (await this.#begin(key));
    const result = await write();
    try {
      await this.#update(order, begun, taken);
    } catch (error) {
      events.emit('cache.write-unseen', { key, error });
    }
    return result;
  }

  /** Without a permit the key is removed afterwards, which is as correct. */
  async #begin(key: string): Promise<BegunLoad | undefined> {
    return this.#options.driver.begin(key).catch(() => undefined);
  }

  async #update<R>(
    order: WriteOrder<R>,
    begun: BegunLoad | undefined,
    taken: Moment,
  ): Promise<void> {
    const { letGo, remove } = this.#options;
    letGo({ keys: [order.key] });
    const isStored = begun !== undefined && (await this.#put(order, begun, taken));
    if (!isStored) await remove(order.key);
  }

  async #put<R>(
    { key, terms, bytes }: WriteOrder<R>,
    { permit }: BegunLoad,
    taken: Moment,
  ): Promise<boolean> {
    if (bytes === undefined) return false;
    const { ttlMs: freshMs, tags } = terms;
    const put = { bytes, freshMs, loadMs: 0, tags, terms, taken, permit, isChange: true };
    try {
      const { outcome } = await this.#options.store.put(key, put);
      return outcome === 'stored';
    } catch {
      // What is there is unknown; removing it tells why, if that fails as well.
      return false;
    }
  }
}

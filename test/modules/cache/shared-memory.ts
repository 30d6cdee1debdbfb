import type { CacheChange, CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import type { FakeClock } from '../../../src/testing/index.js';

const BOUNDS = { maxEntries: 1_000, maxBytes: 2 ** 24 };

/** One process' view of a store that several have. */
export interface SharedView {
  readonly driver: CacheDriver;
  /** Nobody tells this process of changes until it is `mend`ed. */
  tear(): void;
  mend(): void;
  /** How often the store was asked for an entry. */
  readonly reads: number;
}

/** A store that several "processes" share, and which tells each of what the others change. */
export class SharedMemory {
  readonly #store: MemoryCacheDriver;
  readonly #views: { tell(change: CacheChange): void; readonly self: object }[] = [];

  constructor(clock: FakeClock) {
    this.#store = new MemoryCacheDriver({ clock, ...BOUNDS });
  }

  view(): SharedView {
    const store = this.#store;
    const self = {};
    const listeners: ((change: CacheChange) => void)[] = [];
    const state = { isComplete: true, gaps: 0, reads: 0 };
    const tell = (change: CacheChange): void => {
      if (state.isComplete) for (const listener of listeners) listener(change);
    };
    this.#views.push({ tell, self });
    const tellOthers = (change: CacheChange): void => {
      for (const view of this.#views) if (view.self !== self) view.tell(change);
    };
    const driver: CacheDriver = {
      get: (key) => {
        state.reads += 1;
        return store.get(key);
      },
      begin: (key) => store.begin(key),
      set: async (key, entry, permit) => {
        const outcome = await store.set(key, entry, permit);
        if (permit === undefined || (entry.isChange && outcome === 'stored'))
          tellOthers({ keys: [key] });
        return outcome;
      },
      cancel: (key, permit, tags) => store.cancel(key, permit, tags),
      delete: async (keys) => {
        const removed = await store.delete(keys);
        tellOthers({ keys });
        return removed;
      },
      deleteMatching: async (pattern) => {
        const removed = await store.deleteMatching(pattern);
        tellOthers({ pattern });
        return removed;
      },
      purge: async (purged, kind) => {
        await store.purge(purged, kind);
        tellOthers({ purged, kind });
      },
      changes: {
        get isComplete() {
          return state.isComplete;
        },
        get gaps() {
          return state.gaps;
        },
        onChange: (listener) => void listeners.push(listener),
      },
    };
    return {
      driver,
      tear: () => (state.isComplete = false),
      mend: () => {
        state.isComplete = true;
        state.gaps += 1;
      },
      get reads() {
        return state.reads;
      },
    };
  }
}

import type {
  BegunLoad,
  CacheDriver,
  LoadPermit,
  NewEntry,
  PurgeKind,
  PurgeScope,
  SetOutcome,
  StoredEntry,
} from '../cache.driver.js';

/** Stands in for what all share with a driver of this process alone, and says so in every answer. */
export class ProvisionalCacheDriver implements CacheDriver {
  readonly #kept: CacheDriver;

  constructor(kept: CacheDriver) {
    this.#kept = kept;
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return marked(await this.#kept.get(key));
  }

  async begin(key: string): Promise<BegunLoad> {
    const { permit, entry } = await this.#kept.begin(key);
    return { permit, entry: marked(entry) };
  }

  async set(key: string, entry: NewEntry, permit?: LoadPermit): Promise<SetOutcome> {
    const outcome = await this.#kept.set(key, entry, permit);
    return outcome === 'stored' ? 'provisional' : outcome;
  }

  cancel(key: string, permit: LoadPermit, tags: readonly string[]) {
    return this.#kept.cancel(key, permit, tags);
  }

  delete(keys: readonly string[]): Promise<number> {
    return this.#kept.delete(keys);
  }

  deleteMatching(pattern: string): Promise<number> {
    return this.#kept.deleteMatching(pattern);
  }

  purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    return this.#kept.purge(scope, kind);
  }
}

function marked(entry: StoredEntry | undefined): StoredEntry | undefined {
  return entry && { ...entry, isProvisional: true };
}

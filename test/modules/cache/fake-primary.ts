import type {
  CacheChange,
  CacheChanges,
  CacheDriver,
  LoadPermit,
  NewEntry,
  PurgeKind,
  PurgeScope,
} from '../../../src/modules/cache/cache.driver.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { FakeClock } from '../../../src/testing/index.js';

/** Of no use for the memory driver, as those of Redis. */
class PrimaryPermit {
  constructor(readonly permit: LoadPermit) {}
}

/** A Redis in a box: it keeps what it was told, also while it cannot be reached. */
export class FakePrimary implements CacheDriver {
  readonly kept = new MemoryCacheDriver({
    clock: new FakeClock(),
    maxEntries: 1_000,
    maxBytes: 1_000_000,
  });
  readonly calls: string[] = [];
  readonly changes: CacheChanges = {
    isComplete: true,
    gaps: 0,
    onChange: (listener) => void this.#listeners.push(listener),
  };
  readonly #listeners: ((change: CacheChange) => void)[] = [];
  /** Runs before every call; throws what the caller is to get. */
  obstacle: () => Promise<void> | void = () => undefined;

  get = (key: string) => this.#pass(`get ${key}`, () => this.kept.get(key));
  begin = (key: string) =>
    this.#pass(`begin ${key}`, async () => {
      const { permit, entry } = await this.kept.begin(key);
      return { permit: new PrimaryPermit(permit), entry };
    });
  set = (key: string, entry: NewEntry, permit?: LoadPermit) =>
    this.#pass(`set ${key}`, async () => {
      if (permit === undefined) return this.kept.set(key, entry);
      if (!(permit instanceof PrimaryPermit)) return 'outdated';
      return this.kept.set(key, entry, permit.permit);
    });
  cancel = (key: string, permit: LoadPermit, tags: readonly string[]) =>
    this.#pass(`cancel ${key}`, async () => {
      if (!(permit instanceof PrimaryPermit)) return 'outdated';
      return this.kept.cancel(key, permit.permit, tags);
    });
  delete = (keys: readonly string[]) =>
    this.#pass(`delete ${keys.join()}`, () => this.kept.delete(keys));
  deleteMatching = (pattern: string) =>
    this.#pass(`match ${pattern}`, () => this.kept.deleteMatching(pattern));
  purge = (scope: PurgeScope, kind: PurgeKind) =>
    this.#pass(`purge ${String(scope)} ${kind}`, () => this.kept.purge(scope, kind));

  /** Another process made this change. */
  tell(change: CacheChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  async #pass<T>(call: string, run: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    await this.obstacle();
    return run();
  }
}

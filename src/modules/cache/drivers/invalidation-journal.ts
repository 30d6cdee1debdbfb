import { checkKeyText, type FailoverJournal } from '../../../common/redis/index.js';
import type { CacheDriver } from '../cache.driver.js';

/** Keys remembered one by one; beyond it everything counts as invalidated. */
const MAX_KEYS = 10_000;
const MAX_PATTERNS = 100;
const KEYS_PER_CALL = 500;
const EVERYTHING = '*';

/**
 * What was stored or deleted while Redis could not be told. Redis still holds the older values, so
 * all of these are deleted there before anything is served from it again.
 */
export class InvalidationJournal implements FailoverJournal<CacheDriver> {
  readonly #keys = new Set<string>();
  readonly #patterns = new Set<string>();

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#patterns.size === 0;
  }

  /** @throws InvalidOptionError for a key that no driver takes: it would make every replay fail */
  record(method: keyof CacheDriver, args: readonly unknown[]): void {
    switch (method) {
      case 'get':
        return;
      case 'set':
        this.#addKeys([args[0]]);
        return;
      case 'delete':
        this.#addKeys(args[0]);
        return;
      case 'deleteMatching':
        this.#addPattern(args[0]);
        return;
      default:
        method satisfies never;
    }
  }

  /** Entries leave before they are replayed: one that is recorded again meanwhile stays. */
  async replay(primary: CacheDriver): Promise<void> {
    const patterns = [...this.#patterns];
    for (const pattern of patterns) {
      this.#patterns.delete(pattern);
      await restoring(primary.deleteMatching(pattern), () => this.#patterns.add(pattern));
    }
    const keys = [...this.#keys];
    for (let at = 0; at < keys.length; at += KEYS_PER_CALL) {
      const batch = keys.slice(at, at + KEYS_PER_CALL);
      for (const key of batch) this.#keys.delete(key);
      await restoring(primary.delete(batch), () => this.#addKeys(batch));
    }
  }

  #addKeys(keys: unknown): void {
    if (!Array.isArray(keys)) return;
    const checked = keys.map((key) => checkKeyText(key, 'key'));
    for (const key of checked) this.#keys.add(key);
    if (this.#keys.size > MAX_KEYS) this.#invalidateEverything();
  }

  #addPattern(pattern: unknown): void {
    if (typeof pattern === 'string') this.#patterns.add(pattern);
    if (this.#patterns.size > MAX_PATTERNS) this.#invalidateEverything();
  }

  #invalidateEverything(): void {
    this.#keys.clear();
    this.#patterns.clear();
    this.#patterns.add(EVERYTHING);
  }
}

async function restoring(work: Promise<unknown>, restore: () => void): Promise<void> {
  try {
    await work;
  } catch (error) {
    restore();
    throw error;
  }
}

import type { EventStream } from '../../../common/events/index.js';
import type { CacheChange, CacheDriver, PurgeKind, PurgeScope } from '../cache.driver.js';
import type { Loads } from './loads.js';
import type { LocalCopies } from './local-copies.js';

export interface OwnChangesOptions {
  readonly driver: CacheDriver;
  readonly copies: LocalCopies;
  readonly loads: Loads;
  readonly events: EventStream;
}

/** What this process changes: copies and loads of its own go before the store is told, and after. */
export class OwnChanges {
  readonly #options: OwnChangesOptions;

  constructor(options: OwnChangesOptions) {
    this.#options = options;
  }

  async delete(keys: readonly string[]): Promise<number> {
    const { driver, events } = this.#options;
    const removed = await this.#invalidate({ keys }, () => driver.delete(keys));
    events.emit('cache.invalidated', { keys, removed });
    return removed;
  }

  async deleteMatching(pattern: string): Promise<number> {
    const { driver, events } = this.#options;
    const removed = await this.#invalidate({ pattern }, () => driver.deleteMatching(pattern));
    events.emit('cache.invalidated', { pattern, removed });
    return removed;
  }

  async purge(scope: PurgeScope, kind: PurgeKind): Promise<void> {
    const { driver, events } = this.#options;
    await this.#invalidate({ purged: scope, kind }, () => driver.purge(scope, kind));
    events.emit('cache.purged', { scope, kind });
  }

  /** Makes a change. Where it fails nobody knows what is there. */
  async make<T>(change: CacheChange, run: () => Promise<T>): Promise<T> {
    this.#note(change);
    try {
      return await run();
    } catch (error) {
      this.#note(change);
      throw error;
    }
  }

  /** As a change; what others loaded before is not kept here either. */
  async #invalidate<T>(change: CacheChange, run: () => Promise<T>): Promise<T> {
    const outcome = await this.make(change, run);
    this.#note(change);
    return outcome;
  }

  #note(change: CacheChange): void {
    this.#options.copies.note(change);
    this.#options.loads.letGo(change);
  }
}

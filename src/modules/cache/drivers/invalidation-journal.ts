import type { FailoverJournal } from '../../../common/redis/index.js';
import type { CacheDriver } from '../cache.driver.js';
import { MissedChanges } from './missed-changes.js';

const KEYS_PER_CALL = 500;

/**
 * What was stored or deleted while Redis could not be told. Redis still holds the older values, so
 * each of these is deleted there before it is served from Redis again.
 */
export class InvalidationJournal implements FailoverJournal<CacheDriver> {
  #recorded = new MissedChanges();
  /** Covers its keys until Redis has confirmed that they are gone. */
  #replaying = new MissedChanges();
  #sequence = 0;

  get isEmpty(): boolean {
    return this.#recorded.isEmpty && this.#replaying.isEmpty;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** @throws InvalidOptionError for a key that no driver takes: it would make every replay fail */
  record(method: keyof CacheDriver, args: readonly unknown[]): void {
    switch (method) {
      case 'get':
      case 'remainingMs':
        return;
      case 'set':
      case 'delete':
        this.#recorded.addKeys(keysOf(args[0]));
        break;
      case 'deleteMatching':
        this.#recorded.addPattern(String(args[0]));
        break;
      default:
        method satisfies never;
    }
    this.#sequence += 1;
  }

  covers(method: keyof CacheDriver, args: readonly unknown[]): boolean {
    if (this.isEmpty) return false;
    if (method === 'deleteMatching') return true;
    return keysOf(args[0]).some((key) => this.#recorded.covers(key) || this.#replaying.covers(key));
  }

  /** A value that was to be stored before something else changed may be the older one. */
  isOutdated(method: keyof CacheDriver, sequence: number): boolean {
    return method === 'set' && sequence !== this.#sequence;
  }

  async replay(primary: CacheDriver): Promise<void> {
    this.#replaying = this.#recorded;
    this.#recorded = new MissedChanges();
    try {
      await deleteAll(this.#replaying, primary);
    } finally {
      this.#recorded.add(this.#replaying);
      this.#replaying = new MissedChanges();
    }
  }
}

/** What was deleted leaves `changes`; what is left after an error has still to be. */
async function deleteAll(changes: MissedChanges, primary: CacheDriver): Promise<void> {
  for (const pattern of changes.patterns) {
    await primary.deleteMatching(pattern);
    changes.removePattern(pattern);
  }
  const { keys } = changes;
  for (let at = 0; at < keys.length; at += KEYS_PER_CALL) {
    const batch = keys.slice(at, at + KEYS_PER_CALL);
    await primary.delete(batch);
    changes.removeKeys(batch);
  }
}

function keysOf(argument: unknown): readonly string[] {
  return Array.isArray(argument) ? argument.map(String) : [String(argument)];
}

import type { FailoverJournal } from '../../../common/redis/index.js';
import type { CacheDriver } from '../cache.driver.js';
import { MissedChanges } from './missed-changes.js';

const KEYS_PER_CALL = 500;

/** What the fallback keeps; entries are dropped from it without a word. */
export interface FallbackCopies {
  drop(keys: readonly string[]): void;
  dropMatching(pattern: string): void;
}

/**
 * What was stored or deleted while Redis could not be told. Redis still holds the older values, so
 * each of these is deleted there before it is served from Redis again.
 *
 * The fallback holds nothing but what is recorded here: what leaves the journal leaves the
 * fallback, or the next outage would show it although Redis has moved on.
 */
export class InvalidationJournal implements FailoverJournal<CacheDriver> {
  readonly #missed = new MissedChanges();
  readonly #copies: FallbackCopies;

  constructor(copies: FallbackCopies) {
    this.#copies = copies;
  }

  get isEmpty(): boolean {
    return this.#missed.isEmpty;
  }

  get sequence(): number {
    return this.#missed.latest;
  }

  /** @throws InvalidOptionError for a key that no driver takes: it would make every replay fail */
  record(method: keyof CacheDriver, args: readonly unknown[]): void {
    switch (method) {
      case 'get':
      case 'remainingMs':
        return;
      case 'set':
      case 'delete':
        this.#missed.addKeys(keysOf(args[0]));
        return;
      case 'deleteMatching':
        this.#missed.addPattern(String(args[0]));
        return;
      default:
        method satisfies never;
    }
  }

  covers(method: keyof CacheDriver, args: readonly unknown[]): boolean {
    if (this.isEmpty) return false;
    if (method === 'deleteMatching') return true;
    return keysOf(args[0]).some((key) => this.#missed.covers(key));
  }

  /** Storing or deleting says what Redis is to hold from now on, whatever it missed before. */
  supersede(method: keyof CacheDriver, args: readonly unknown[]): (() => void) | undefined {
    const upTo = this.sequence;
    switch (method) {
      case 'get':
      case 'remainingMs':
        return undefined;
      case 'set':
      case 'delete': {
        const keys = keysOf(args[0]);
        this.#copies.drop(keys);
        return () => this.#settleKeys(keys, upTo);
      }
      case 'deleteMatching': {
        const pattern = String(args[0]);
        this.#copies.dropMatching(pattern);
        return () => this.#settlePattern(pattern, upTo);
      }
      default:
        return method satisfies never;
    }
  }

  /**
   * A value whose storing found no answer in time may be older than what another call left since.
   */
  isOutdated(method: keyof CacheDriver): boolean {
    return method === 'set';
  }

  async replay(primary: CacheDriver): Promise<void> {
    const { keys, patterns } = this.#missed;
    const upTo = this.sequence;
    for (const pattern of patterns) {
      await primary.deleteMatching(pattern);
      this.#settlePattern(pattern, upTo);
    }
    for (let at = 0; at < keys.length; at += KEYS_PER_CALL) {
      const batch = keys.slice(at, at + KEYS_PER_CALL);
      await primary.delete(batch);
      this.#settleKeys(batch, upTo);
    }
  }

  #settleKeys(keys: readonly string[], upTo: number): void {
    this.#missed.removeKeys(keys, upTo);
    this.#copies.drop(keys.filter((key) => !this.#missed.covers(key)));
  }

  #settlePattern(pattern: string, upTo: number): void {
    this.#missed.removePattern(pattern, upTo);
    this.#copies.dropMatching(pattern);
  }
}

function keysOf(argument: unknown): readonly string[] {
  return Array.isArray(argument) ? argument.map(String) : [String(argument)];
}

import type { FailoverJournal } from '../../../common/redis/index.js';
import type { CacheDriver, PurgeKind, PurgeScope } from '../cache.driver.js';
import type { ByteStore } from '../cache-manager/byte-store.js';
import { MissedChanges } from './missed-changes.js';

const KEYS_PER_CALL = 500;

/** What the fallback keeps; entries are dropped from it without a word. */
export interface FallbackCopies {
  drop(keys: readonly string[]): void;
  dropMatching(pattern: string): void;
  outdate(scope: PurgeScope, kind: PurgeKind): void;
}

/** What a replay needs of the primary; one without tags is purged of nothing. */
export interface Invalidated extends Pick<CacheDriver, 'delete' | 'deleteMatching'> {
  purge?: CacheDriver['purge'];
}

/** All a journal is told of a cache, by whichever contract. */
type Method = Exclude<keyof CacheDriver, 'changes'>;

/**
 * What was stored or deleted while Redis could not be told. Redis still holds the older values, so
 * each of these is deleted there before it is served from Redis again.
 *
 * The fallback holds nothing but what is recorded here: what leaves the journal leaves the
 * fallback, or the next outage would show it although Redis has moved on.
 */
export class InvalidationJournal
  implements FailoverJournal<CacheDriver>, FailoverJournal<ByteStore>
{
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

  /** @throws InvalidOptionError for a key or tag that no driver takes: it would make every replay fail */
  record(method: Method, args: readonly unknown[]): void {
    switch (method) {
      case 'get':
      case 'begin':
      case 'cancel':
        return;
      case 'set':
      case 'delete':
        this.#missed.addKeys(textsOf(args[0]));
        return;
      case 'deleteMatching':
        this.#missed.addPattern(String(args[0]));
        return;
      case 'purge':
        this.#missed.addPurge(scopeOf(args[0]), kindOf(args[1]));
        return;
      default:
        method satisfies never;
    }
  }

  covers(method: Method, args: readonly unknown[]): boolean {
    if (this.isEmpty) return false;
    if (method === 'deleteMatching' || method === 'purge' || this.#missed.hasPurges) return true;
    return textsOf(args[0]).some((key) => this.#missed.covers(key));
  }

  /**
   * Storing or removing says what Redis is to hold from now on, whatever it missed before, and ends
   * the loads that were begun in the fallback. Not storing with a permit: Redis may refuse that, and
   * would go on holding what it holds.
   */
  supersede(method: Method, args: readonly unknown[]): (() => void) | undefined {
    const upTo = this.sequence;
    switch (method) {
      case 'get':
      case 'begin':
      case 'cancel':
        return undefined;
      case 'set':
        return args[2] === undefined ? this.#supersedeKeys(textsOf(args[0]), upTo) : undefined;
      case 'delete':
        return this.#supersedeKeys(textsOf(args[0]), upTo);
      case 'deleteMatching': {
        const pattern = String(args[0]);
        this.#copies.dropMatching(pattern);
        return () => this.#settlePattern(pattern, upTo);
      }
      case 'purge': {
        const [scope, kind] = [scopeOf(args[0]), kindOf(args[1])];
        this.#copies.outdate(scope, kind);
        return () => this.#missed.removePurge(scope, kind, upTo);
      }
      default:
        return method satisfies never;
    }
  }

  /**
   * A value whose storing found no answer in time may be older than what another call left since.
   */
  isOutdated(method: Method): boolean {
    return method === 'set';
  }

  async replay(primary: Invalidated): Promise<void> {
    const { keys, patterns } = this.#missed;
    const upTo = this.sequence;
    // First, because every key is covered until they are done.
    for (const kind of ['hard', 'soft'] as const) {
      for (const scope of this.#missed.purges(kind)) {
        await primary.purge?.(scope, kind);
        this.#missed.removePurge(scope, kind, upTo);
      }
    }
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

  #supersedeKeys(keys: readonly string[], upTo: number): () => void {
    this.#copies.drop(keys);
    return () => this.#settleKeys(keys, upTo);
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

function textsOf(argument: unknown): readonly string[] {
  return Array.isArray(argument) ? argument.map(String) : [String(argument)];
}

function scopeOf(argument: unknown): PurgeScope {
  return argument === 'everything' ? argument : textsOf(argument);
}

function kindOf(argument: unknown): PurgeKind {
  return argument === 'soft' ? 'soft' : 'hard';
}

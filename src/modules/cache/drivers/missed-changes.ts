import { checkKeyText, compileGlob } from '../../../common/redis/index.js';
import type { PurgeKind, PurgeScope } from '../cache.driver.js';
import { MissedPurges } from './missed-purges.js';
import { slotsOf } from './tag-slots.js';

/** Keys remembered one by one; beyond it everything counts as changed. */
const MAX_KEYS = 10_000;
const MAX_PATTERNS = 100;
const EVERY_KEY = '*';

interface MissedPattern {
  readonly matches: (key: string) => boolean;
  readonly at: number;
}

/**
 * A bounded set of changed keys, patterns and purges, each with the number of its latest change;
 * what does not fit makes it cover everything.
 *
 * Which entries a purge was about is not known: while there is one, every key may be covered.
 */
export class MissedChanges {
  readonly #keys = new Map<string, number>();
  readonly #patterns = new Map<string, MissedPattern>();
  readonly #purges = { hard: new MissedPurges(), soft: new MissedPurges() };
  #latest = 0;

  /** Number of the latest change: what is missed later has a higher one. */
  get latest(): number {
    return this.#latest;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#patterns.size === 0 && !this.hasPurges;
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()];
  }

  get patterns(): readonly string[] {
    return [...this.#patterns.keys()];
  }

  get hasPurges(): boolean {
    return !this.#purges.hard.isEmpty || !this.#purges.soft.isEmpty;
  }

  /** What was purged in this way, a list of tags at a time. */
  purges(kind: PurgeKind): readonly PurgeScope[] {
    return this.#purges[kind].scopes;
  }

  /** By its name or a pattern. */
  covers(key: string): boolean {
    if (this.#keys.has(key)) return true;
    for (const { matches } of this.#patterns.values()) if (matches(key)) return true;
    return false;
  }

  /** @throws InvalidOptionError for a key that no driver takes: it would make every replay fail */
  addKeys(keys: readonly string[]): void {
    const checked = keys.map((key) => checkKeyText(key, 'key'));
    this.#latest += 1;
    for (const key of checked) this.#keys.set(key, this.#latest);
    if (this.#keys.size > MAX_KEYS) this.#coverEverything();
  }

  addPattern(pattern: string): void {
    this.#latest += 1;
    this.#patterns.set(pattern, { matches: compileGlob(pattern), at: this.#latest });
    if (this.#patterns.size > MAX_PATTERNS) this.#coverEverything();
  }

  /** @throws InvalidOptionError for a tag that no driver takes */
  addPurge(scope: PurgeScope, kind: PurgeKind): void {
    if (scope !== 'everything') slotsOf(scope);
    this.#latest += 1;
    this.#purges[kind].add(scope, this.#latest);
  }

  /** Takes out what was purged and has not been again since `latest` was `upTo`. */
  removePurge(scope: PurgeScope, kind: PurgeKind, upTo: number): void {
    this.#purges[kind].remove(scope, upTo);
  }

  /** Takes out those of the keys that have not changed again since `latest` was `upTo`. */
  removeKeys(keys: readonly string[], upTo: number): void {
    for (const key of keys) if ((this.#keys.get(key) ?? Infinity) <= upTo) this.#keys.delete(key);
  }

  /** Takes the pattern out, unless it was added again since `latest` was `upTo`. */
  removePattern(pattern: string, upTo: number): void {
    const at = this.#patterns.get(pattern)?.at ?? Infinity;
    if (at <= upTo) this.#patterns.delete(pattern);
  }

  #coverEverything(): void {
    this.#keys.clear();
    this.#patterns.clear();
    this.#patterns.set(EVERY_KEY, { matches: () => true, at: this.#latest });
  }
}

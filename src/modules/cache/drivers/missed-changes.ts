import { checkKeyText, compileGlob } from '../../../common/redis/index.js';

/** Keys remembered one by one; beyond it everything counts as changed. */
const MAX_KEYS = 10_000;
const MAX_PATTERNS = 100;
const EVERYTHING = '*';

interface MissedPattern {
  readonly matches: (key: string) => boolean;
  readonly at: number;
}

/**
 * A bounded set of changed keys and patterns, each with the number of its latest change; what does
 * not fit makes it cover everything.
 */
export class MissedChanges {
  readonly #keys = new Map<string, number>();
  readonly #patterns = new Map<string, MissedPattern>();
  #latest = 0;

  /** Number of the latest change: what is missed later has a higher one. */
  get latest(): number {
    return this.#latest;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#patterns.size === 0;
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()];
  }

  get patterns(): readonly string[] {
    return [...this.#patterns.keys()];
  }

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
    this.#patterns.set(EVERYTHING, { matches: () => true, at: this.#latest });
  }
}

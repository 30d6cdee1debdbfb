import { checkKeyText, compileGlob } from '../../../common/redis/index.js';

/** Keys remembered one by one; beyond it everything counts as changed. */
const MAX_KEYS = 10_000;
const MAX_PATTERNS = 100;
const EVERYTHING = '*';

/** A bounded set of changed keys and patterns; what does not fit makes it cover everything. */
export class MissedChanges {
  readonly #keys = new Set<string>();
  readonly #patterns = new Map<string, (key: string) => boolean>();

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#patterns.size === 0;
  }

  get keys(): readonly string[] {
    return [...this.#keys];
  }

  get patterns(): readonly string[] {
    return [...this.#patterns.keys()];
  }

  covers(key: string): boolean {
    if (this.#keys.has(key)) return true;
    for (const matches of this.#patterns.values()) if (matches(key)) return true;
    return false;
  }

  /** @throws InvalidOptionError for a key that no driver takes: it would make every replay fail */
  addKeys(keys: readonly string[]): void {
    const checked = keys.map((key) => checkKeyText(key, 'key'));
    for (const key of checked) this.#keys.add(key);
    if (this.#keys.size > MAX_KEYS) this.#coverEverything();
  }

  addPattern(pattern: string): void {
    this.#patterns.set(pattern, compileGlob(pattern));
    if (this.#patterns.size > MAX_PATTERNS) this.#coverEverything();
  }

  add(other: MissedChanges): void {
    for (const pattern of other.patterns) this.addPattern(pattern);
    this.addKeys(other.keys);
  }

  removeKeys(keys: readonly string[]): void {
    for (const key of keys) this.#keys.delete(key);
  }

  removePattern(pattern: string): void {
    this.#patterns.delete(pattern);
  }

  #coverEverything(): void {
    this.#keys.clear();
    this.#patterns.clear();
    this.#patterns.set(EVERYTHING, () => true);
  }
}

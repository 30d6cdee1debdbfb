import { compileGlob } from '../../../common/redis/index.js';
import type { CacheChange, PurgeKind, PurgeScope } from '../cache.driver.js';

/** What became of something that was read or loaded at a certain moment. */
export type Standing = 'valid' | 'purged' | 'outdated';

/** Keys, and tags, remembered one by one; beyond it everything before counts as changed. */
const MAX_NAMES = 10_000;
const MAX_PATTERNS = 100;

interface Pattern {
  readonly matches: (key: string) => boolean;
  readonly at: number;
}

/**
 * The latest changes, in their order, so that what was asked for before one is not kept after it.
 * Bounded: what is forgotten counts as a change of everything before it.
 */
export class ChangeLog {
  readonly #keys = new Map<string, number>();
  readonly #patterns: Pattern[] = [];
  readonly #purges: Readonly<Record<PurgeKind, PurgeLog>> = {
    hard: new PurgeLog(),
    soft: new PurgeLog(),
  };
  #now = 0;
  /** Changes of keys up to here are not known any more. */
  #forgotten = 0;

  /** This moment: changes that are noted from now on come after it. */
  get mark(): number {
    return this.#now;
  }

  note(change: CacheChange): void {
    this.#now += 1;
    if ('keys' in change) this.#noteKeys(change.keys);
    else if ('pattern' in change) this.#notePattern(change.pattern);
    else this.#purges[change.kind].note(change.purged, this.#now);
  }

  /** Was the key stored or deleted, by name or by pattern, since the moment? */
  hasChanged(key: string, since: number): boolean {
    if (this.#now === since) return false;
    if (since < this.#forgotten || (this.#keys.get(key) ?? 0) > since) return true;
    return this.#patterns.some(({ matches, at }) => at > since && matches(key));
  }

  /** What purges since the moment mean for something with these tags. */
  standing(tags: readonly string[], since: number): Standing {
    if (this.#now === since) return 'valid';
    if (this.#purges.hard.touches(tags, since)) return 'outdated';
    return this.#purges.soft.touches(tags, since) ? 'purged' : 'valid';
  }

  #noteKeys(keys: readonly string[]): void {
    for (const key of keys) this.#keys.set(key, this.#now);
    if (this.#keys.size <= MAX_NAMES) return;
    this.#keys.clear();
    this.#forgotten = this.#now;
  }

  #notePattern(pattern: string): void {
    this.#patterns.push({ matches: compileGlob(pattern), at: this.#now });
    if (this.#patterns.length <= MAX_PATTERNS) return;
    this.#forgotten = Math.max(this.#forgotten, this.#patterns.shift()?.at ?? 0);
  }
}

/** The latest purge of each tag. */
class PurgeLog {
  readonly #tags = new Map<string, number>();
  #everything = 0;

  note(scope: PurgeScope, at: number): void {
    if (scope !== 'everything') for (const tag of scope) this.#tags.set(tag, at);
    if (scope !== 'everything' && this.#tags.size <= MAX_NAMES) return;
    this.#tags.clear();
    this.#everything = at;
  }

  touches(tags: readonly string[], since: number): boolean {
    if (this.#everything > since) return true;
    if (this.#tags.size === 0) return false;
    return tags.some((tag) => (this.#tags.get(tag) ?? 0) > since);
  }
}

import type { PurgeScope } from '../cache.driver.js';
import { MAX_TAGS } from './tag-slots.js';

/** Tags remembered one by one; beyond it everything counts as purged. */
const MOST_TAGS = 1_000;

/** What was purged in one way: everything, or tags, each with the number of its latest purge. */
export class MissedPurges {
  readonly #tags = new Map<string, number>();
  #everythingAt: number | undefined;

  get isEmpty(): boolean {
    return this.#tags.size === 0 && this.#everythingAt === undefined;
  }

  /** In lists that one purge takes. */
  get scopes(): readonly PurgeScope[] {
    const scopes: PurgeScope[] = this.#everythingAt === undefined ? [] : ['everything'];
    const tags = [...this.#tags.keys()];
    for (let at = 0; at < tags.length; at += MAX_TAGS) scopes.push(tags.slice(at, at + MAX_TAGS));
    return scopes;
  }

  /** @param at number of the purge */
  add(scope: PurgeScope, at: number): void {
    if (scope === 'everything') this.#coverEverything(at);
    else for (const tag of scope) this.#tags.set(tag, at);
    if (this.#tags.size > MOST_TAGS) this.#coverEverything(at);
  }

  /** Takes out what was not purged again after the purge with the number `upTo`. */
  remove(scope: PurgeScope, upTo: number): void {
    if (scope === 'everything') {
      if ((this.#everythingAt ?? Infinity) <= upTo) this.#everythingAt = undefined;
      return;
    }
    for (const tag of scope) if ((this.#tags.get(tag) ?? Infinity) <= upTo) this.#tags.delete(tag);
  }

  #coverEverything(at: number): void {
    this.#tags.clear();
    this.#everythingAt = at;
  }
}

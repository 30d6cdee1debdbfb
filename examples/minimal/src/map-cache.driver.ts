import { type Clock, InvalidOptionError } from 'nest-backplane';
import {
  type CacheDriver,
  checkKeyText,
  compileGlob,
  type NewEntry,
  type PurgeKind,
  type PurgeScope,
} from 'nest-backplane/cache';

/** What is under a key: an entry, or the mark of a load that was begun. */
interface KeptEntry extends NewEntry {
  readonly endsAt: number;
}

interface Row {
  readonly entry?: KeptEntry;
  isPurged: boolean;
  /** Begun, and not ended. */
  loads: number;
}

/** What was there when a load was begun, and how many purges there had been. */
class Permit {
  constructor(
    readonly row: Row,
    readonly purges: number,
  ) {}
}

/** A driver of our own: the cache in a Map. For an example: what nobody deletes stays in memory. */
export class MapCacheDriver implements CacheDriver {
  readonly #rows = new Map<string, Row>();
  readonly #purges: { scope: PurgeScope; kind: PurgeKind }[] = [];

  constructor(private readonly clock: Clock) {}

  async get(key: string) {
    const { entry, isPurged = false } = this.#rows.get(checkKeyText(key, 'key')) ?? {};
    const remainingMs = Math.ceil((entry?.endsAt ?? 0) - this.clock.monotonic());
    if (entry === undefined || remainingMs < 1) return undefined;
    return { bytes: entry.bytes, tags: entry.tags ?? [], remainingMs, isPurged };
  }

  async begin(key: string) {
    const entry = await this.get(key);
    const row = this.#rows.get(key) ?? { isPurged: false, loads: 0 };
    row.loads += 1;
    this.#rows.set(key, row);
    return { permit: new Permit(row, this.#purges.length), entry };
  }

  async set(key: string, entry: NewEntry, permit?: unknown) {
    const { ttlMs, tags = [] } = entry;
    if (!Number.isInteger(ttlMs) || ttlMs < 1) throw new InvalidOptionError('ttlMs', 'is not >= 1');
    for (const text of [key, ...tags]) checkKeyText(text, 'key');
    const met = permit === undefined ? [] : this.#purgesSince(key, permit, tags);
    if (met === undefined) return 'outdated';
    const endsAt = this.clock.monotonic() + ttlMs;
    this.#rows.set(key, { entry: { ...entry, endsAt }, isPurged: met.length > 0, loads: 0 });
    return 'stored';
  }

  async cancel(key: string, permit: unknown, tags: readonly string[]) {
    for (const text of [key, ...tags]) checkKeyText(text, 'key');
    const met = this.#purgesSince(key, permit, tags);
    const row = this.#rows.get(key);
    // The mark goes with the last load that was begun at it.
    if (permit instanceof Permit && row === permit.row && row.entry === undefined) {
      row.loads -= 1;
      if (row.loads === 0) this.#rows.delete(key);
    }
    return met === undefined ? 'outdated' : 'current';
  }

  async delete(keys: readonly string[]) {
    const live = await Promise.all(keys.map((key) => this.get(key)));
    return keys.filter((key, at) => this.#rows.delete(key) && live[at] !== undefined).length;
  }

  async deleteMatching(pattern: string) {
    return this.delete([...this.#rows.keys()].filter(compileGlob(pattern)));
  }

  async purge(scope: PurgeScope, kind: PurgeKind) {
    for (const tag of scope === 'everything' ? [] : scope) checkKeyText(tag, 'tags');
    this.#purges.push({ scope, kind });
    for (const [key, row] of this.#rows) {
      if (row.entry === undefined || !isMeant(row.entry.tags ?? [], scope)) continue;
      if (kind === 'soft') row.isPurged = true;
      else this.#rows.delete(key);
    }
  }

  /** The soft purges that concern a load, also of tags not known then; `undefined`: it is outdated. */
  #purgesSince(key: string, permit: unknown, tags: readonly string[]) {
    if (!(permit instanceof Permit) || this.#rows.get(key) !== permit.row) return undefined;
    const met = this.#purges.slice(permit.purges).filter(({ scope }) => isMeant(tags, scope));
    return met.some(({ kind }) => kind === 'hard') ? undefined : met;
  }
}

function isMeant(tags: readonly string[], scope: PurgeScope): boolean {
  return scope === 'everything' || tags.some((tag) => scope.includes(tag));
}

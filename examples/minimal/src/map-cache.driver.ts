import { type Clock, InvalidOptionError } from 'nest-backplane';
import { type CacheDriver, checkKeyText, compileGlob } from 'nest-backplane/cache';

/** A driver of our own: the cache in a Map. For an example: what nobody deletes stays in memory. */
export class MapCacheDriver implements CacheDriver {
  readonly #entries = new Map<string, { readonly bytes: Buffer; readonly endsAt: number }>();

  constructor(private readonly clock: Clock) {}

  async get(key: string): Promise<Buffer | undefined> {
    const entry = this.#entries.get(checkKeyText(key, 'key'));
    return entry !== undefined && this.clock.monotonic() < entry.endsAt ? entry.bytes : undefined;
  }

  async remainingMs(key: string): Promise<number | undefined> {
    const entry = this.#entries.get(checkKeyText(key, 'key'));
    const restMs = (entry?.endsAt ?? 0) - this.clock.monotonic();
    return restMs > 0 ? Math.ceil(restMs) : undefined;
  }

  async set(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    if (!Number.isInteger(ttlMs) || ttlMs < 1) throw new InvalidOptionError('ttlMs', 'is not >= 1');
    this.#entries.set(checkKeyText(key, 'key'), { bytes, endsAt: this.clock.monotonic() + ttlMs });
  }

  async delete(keys: readonly string[]): Promise<number> {
    const live = await Promise.all(keys.map((key) => this.get(key)));
    return keys.filter((key, at) => this.#entries.delete(key) && live[at] !== undefined).length;
  }

  async deleteMatching(pattern: string): Promise<number> {
    return this.delete([...this.#entries.keys()].filter(compileGlob(pattern)));
  }
}

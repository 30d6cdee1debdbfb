import type { CallBounds, RedisConnection } from '../../../common/redis/index.js';
import type { PurgeKind } from '../cache.driver.js';
import type {
  Announcement,
  BegunEntry,
  DoomedKey,
  EntryStore,
  EntryToSet,
  ReadOutcome,
  Removal,
} from './entry-store.js';
import { randomId } from './random-ids.js';
import { CACHE_BEGIN } from './scripts/cache-begin.lua.js';
import { CLOCKS_READ } from './scripts/cache-clocks.lua.js';
import { CACHE_DELETE } from './scripts/cache-delete.lua.js';
import { CACHE_PURGE } from './scripts/cache-purge.lua.js';
import { CACHE_READ } from './scripts/cache-read.lua.js';
import { CACHE_SET } from './scripts/cache-set.lua.js';
import { readClocks, type StoredValues, withMarks } from './scripts/values-reply.js';
import { isEntry, packTags, readSlots, type ReadValue } from './stored-value.js';
import { standingOf, type TagClocks } from './tag-clocks.js';

/** Where no entry is there are no clocks to ask for. */
const NO_CLOCKS: TagClocks = { id: '', hard: 0, soft: 0 };

/** A value without the clocks, which are in another slot. */
type Alone = Omit<ReadValue, 'clocks'>;

/**
 * Entries and clocks in a cluster: one script for each entry, and one look at the clocks for all of
 * a call. The clocks are always looked at after the entry was read, and before one is stored: what
 * is purged in between has a greater epoch than the entry.
 */
export class ClusterEntryStore implements EntryStore {
  readonly #connection: RedisConnection;
  readonly #bounds: CallBounds;
  readonly #clocks: string;

  constructor(connection: RedisConnection, clocks: string, bounds: CallBounds) {
    this.#connection = connection;
    this.#clocks = clocks;
    this.#bounds = bounds;
  }

  async read(names: readonly string[]): Promise<readonly ReadOutcome[]> {
    const reads = names.map((name) =>
      this.#connection.script(CACHE_READ, { keys: keysOf(name), args: 1, ...this.#bounds }),
    );
    const settled = await Promise.allSettled(reads);
    const found = settled.map((each) =>
      each.status === 'fulfilled' ? aloneOf(each.value) : toError(each.reason),
    );
    return this.#beside(found, this.#bounds);
  }

  async begin(name: string): Promise<BegunEntry> {
    const call = { keys: keysOf(name), args: randomId(), ...this.#bounds };
    const alone = aloneOf(await this.#connection.script(CACHE_BEGIN, call));
    if (alone instanceof Error) throw alone;
    const slots = isEntry(alone.value) ? readSlots(alone.value) : [];
    const { moment, clocks } = await this.#wind(slots, 0);
    return { read: { ...alone, clocks }, moment };
  }

  async set(name: string, entry: EntryToSet, announcement: Announcement): Promise<boolean> {
    const { fence, tags, slots, bytes, ttlMs } = entry;
    const { moment, clocks } = await this.#wind(slots, ttlMs);
    if (fence && standingOf(fence.moment, clocks) === 'outdated') return false;
    const args = {
      expected: fence?.revision,
      moment: fence?.moment ?? moment,
      random: randomId(),
      ttlMs,
      packedTags: packTags(tags, slots),
      bytes,
      slots: [],
      channel: announcement.channel,
      message: announcement.text,
    };
    const keys = { entry: name, clocks: undefined };
    return this.#connection.script(CACHE_SET, { keys, args, ...this.#bounds });
  }

  async delete(
    doomed: readonly DoomedKey[],
    { announce, bounds }: Removal,
  ): Promise<readonly ReadOutcome[]> {
    const replies = await Promise.all(
      doomed.map(({ key, name }) => {
        const { channel, text } = announce([key]);
        const args = { count: 1, channel, message: text };
        return this.#connection.script(CACHE_DELETE, { keys: keysOf(name), args, ...bounds });
      }),
    );
    return this.#beside(replies.map(aloneOf), bounds);
  }

  purge(slots: readonly number[], kind: PurgeKind, { channel, text }: Announcement): Promise<void> {
    const args = { random: randomId(), kind, channel, message: text, slots };
    return this.#connection.script(CACHE_PURGE, { keys: this.#clocks, args, ...this.#bounds });
  }

  /** Puts the clocks beside the values. */
  async #beside(
    found: readonly (Alone | Error)[],
    bounds: CallBounds,
  ): Promise<readonly ReadOutcome[]> {
    const entries = found
      .flatMap((one) => (one instanceof Error ? [] : [one.value]))
      .filter(isEntry);
    const slots = [...new Set(entries.flatMap(readSlots))];
    const clocksOf = entries.length > 0 ? await this.#look(slots, bounds) : () => NO_CLOCKS;
    return found.map((one) =>
      one instanceof Error ? one : { ...one, clocks: clocksOf(one.value) },
    );
  }

  /** Reads the clocks of everything and of the slots; resolves to what an entry goes by. */
  async #look(
    slots: readonly number[],
    bounds: CallBounds,
  ): Promise<(value: Buffer | undefined) => TagClocks> {
    const fields = ['id', 'h0', 's0', ...slots.flatMap((slot) => [`h${slot}`, `s${slot}`])];
    const values = await this.#connection.command(
      (client) => client.hmgetBuffer(this.#clocks, ...fields),
      bounds,
    );
    const everything = readClocks(values);
    const marks = new Map(
      slots.map((slot, at) => [slot, values.slice(3 + 2 * at, 5 + 2 * at)] as const),
    );
    return (value) =>
      isEntry(value)
        ? withMarks(
            everything,
            readSlots(value).flatMap((slot) => marks.get(slot) ?? []),
          )
        : everything;
  }

  #wind(slots: readonly number[], ttlMs: number) {
    const args = { random: randomId(), ttlMs, slots };
    return this.#connection.script(CLOCKS_READ, { keys: this.#clocks, args, ...this.#bounds });
  }
}

function keysOf(name: string) {
  return { entries: [name], clocks: undefined };
}

function aloneOf({ nowMs, found }: StoredValues): Alone | Error {
  const value = found[0]?.value;
  return value instanceof Error ? value : { nowMs, value };
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('a cache script failed', { cause: reason });
}

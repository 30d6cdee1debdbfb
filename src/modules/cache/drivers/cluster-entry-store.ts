import type { CallBounds, RedisConnection } from '../../../common/redis/index.js';
import type { PurgeKind } from '../cache.driver.js';
import type {
  Announcement,
  BegunEntry,
  DoomedKey,
  EntryStore,
  EntryToSet,
  LoadFence,
  ReadOutcome,
  Removal,
  StoreBounds,
} from './entry-store.js';
import { randomId } from './random-ids.js';
import { CACHE_BEGIN } from './scripts/cache-begin.lua.js';
import { CLOCKS_READ } from './scripts/cache-clocks.lua.js';
import { CACHE_CANCEL } from './scripts/cache-cancel.lua.js';
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
  readonly #bounds: StoreBounds;
  readonly #clocks: string;

  constructor(connection: RedisConnection, clocks: string, bounds: StoreBounds) {
    this.#connection = connection;
    this.#clocks = clocks;
    this.#bounds = bounds;
  }

  async read(names: readonly string[]): Promise<readonly ReadOutcome[]> {
    const reads = names.map((name) =>
      this.#connection.script(CACHE_READ, { keys: keysOf(name), args: 1, ...this.#bounds.reads }),
    );
    const settled = await Promise.allSettled(reads);
    const found = settled.map((each) =>
      each.status === 'fulfilled' ? aloneOf(each.value) : toError(each.reason),
    );
    return this.#beside(found, this.#bounds.reads);
  }

  async begin(name: string): Promise<BegunEntry> {
    const call = { keys: keysOf(name), args: randomId(), ...this.#bounds.reads };
    const alone = aloneOf(await this.#connection.script(CACHE_BEGIN, call));
    if (alone instanceof Error) throw alone;
    const slots = isEntry(alone.value) ? readSlots(alone.value) : [];
    const { moment, clocks } = await this.#wind(slots, 0, this.#bounds.reads);
    return { read: { ...alone, clocks }, moment };
  }

  async set(name: string, entry: EntryToSet, told: Announcement): Promise<boolean> {
    const { fence, tags, slots, bytes, ttlMs } = entry;
    const { moment, clocks } = await this.#wind(slots, ttlMs, this.#bounds.writes);
    if (fence && standingOf(fence.moment, clocks) === 'outdated') return false;
    const args = {
      expected: fence?.revision,
      moment: fence?.moment ?? moment,
      random: randomId(),
      ttlMs,
      packedTags: packTags(tags, slots),
      bytes,
      slots: [],
      channel: told.channel,
      message: told.text,
    };
    const call = { keys: { entry: name, clocks: undefined }, args, ...this.#bounds.writes };
    const { isStored, refusal } = await this.#connection.script(CACHE_SET, call);
    told.refused(refusal);
    return isStored;
  }

  /** Nothing outdated it by the earlier of both looks: each tells of all the time until then. */
  async cancel(name: string, fence: LoadFence, slots: readonly number[]): Promise<boolean> {
    const { revision: expected, moment } = fence;
    const bounds = this.#bounds.writes;
    const call = {
      keys: { entry: name, clocks: undefined },
      args: { expected, moment, slots: [] },
    };
    const [isThere, { clocks }] = await Promise.all([
      this.#connection.script(CACHE_CANCEL, { ...call, ...bounds }),
      this.#wind(slots, 0, bounds),
    ]);
    return isThere && standingOf(moment, clocks) !== 'outdated';
  }

  async delete(
    doomed: readonly DoomedKey[],
    { announce, bounds }: Removal,
  ): Promise<readonly ReadOutcome[]> {
    const replies = await Promise.all(
      doomed.map(async ({ key, name }) => {
        const { channel, text, refused } = announce([key]);
        const args = { count: 1, channel, message: text };
        const call = { keys: keysOf(name), args, ...bounds };
        const reply = await this.#connection.script(CACHE_DELETE, call);
        refused(reply.refusal);
        return reply;
      }),
    );
    return this.#beside(replies.map(aloneOf), bounds);
  }

  async purge(slots: readonly number[], kind: PurgeKind, told: Announcement): Promise<void> {
    const args = { random: randomId(), kind, channel: told.channel, message: told.text, slots };
    const call = { keys: this.#clocks, args, ...this.#bounds.writes };
    told.refused(await this.#connection.script(CACHE_PURGE, call));
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

  #wind(slots: readonly number[], ttlMs: number, bounds: CallBounds) {
    const args = { random: randomId(), ttlMs, slots };
    return this.#connection.script(CLOCKS_READ, { keys: this.#clocks, args, ...bounds });
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

import type { RedisConnection } from '../../../common/redis/index.js';
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
import { CACHE_CANCEL } from './scripts/cache-cancel.lua.js';
import { CACHE_DELETE } from './scripts/cache-delete.lua.js';
import { CACHE_PURGE } from './scripts/cache-purge.lua.js';
import { CACHE_READ, type EntryKeys } from './scripts/cache-read.lua.js';
import { CACHE_SET, type EntryToStore } from './scripts/cache-set.lua.js';
import { type StoredValues, withMarks } from './scripts/values-reply.js';
import { packTags } from './stored-value.js';

/** Entries and clocks on one server: each call is one script, which sees both at one moment. */
export class StandaloneEntryStore implements EntryStore {
  readonly #connection: RedisConnection;
  readonly #bounds: StoreBounds;
  readonly #clocks: string;

  constructor(connection: RedisConnection, clocks: string, bounds: StoreBounds) {
    this.#connection = connection;
    this.#clocks = clocks;
    this.#bounds = bounds;
  }

  async read(names: readonly string[]): Promise<readonly ReadOutcome[]> {
    const call = { keys: this.#keys(names), args: names.length, ...this.#bounds.reads };
    return outcomesOf(await this.#connection.script(CACHE_READ, call));
  }

  async begin(name: string): Promise<BegunEntry> {
    const call = { keys: this.#keys([name]), args: randomId(), ...this.#bounds.reads };
    const reply = await this.#connection.script(CACHE_BEGIN, call);
    const [read] = outcomesOf(reply);
    if (read === undefined || read instanceof Error || reply.moment === undefined) {
      throw new TypeError('the cache script did not tell what it had begun');
    }
    return { read, moment: reply.moment };
  }

  async set(name: string, entry: EntryToSet, told: Announcement): Promise<boolean> {
    const { fence, tags, ...rest } = entry;
    const args = {
      ...rest,
      expected: fence?.revision,
      moment: fence?.moment,
      random: randomId(),
      packedTags: packTags(tags, entry.slots),
      channel: told.channel,
      message: told.text,
    };
    const call = { keys: this.#entry(name), args, ...this.#bounds.writes };
    const { isStored, refusal } = await this.#connection.script(CACHE_SET, call);
    told.refused(refusal);
    return isStored;
  }

  cancel(name: string, fence: LoadFence, slots: readonly number[]): Promise<boolean> {
    const args = { expected: fence.revision, moment: fence.moment, slots };
    const call = { keys: this.#entry(name), args, ...this.#bounds.writes };
    return this.#connection.script(CACHE_CANCEL, call);
  }

  async delete(
    doomed: readonly DoomedKey[],
    { announce, bounds }: Removal,
  ): Promise<readonly ReadOutcome[]> {
    const { channel, text, refused } = announce(doomed.map(({ key }) => key));
    const args = { count: doomed.length, channel, message: text };
    const call = { keys: this.#keys(doomed.map(({ name }) => name)), args, ...bounds };
    const reply = await this.#connection.script(CACHE_DELETE, call);
    refused(reply.refusal);
    return outcomesOf(reply);
  }

  async purge(slots: readonly number[], kind: PurgeKind, told: Announcement): Promise<void> {
    const args = { random: randomId(), kind, channel: told.channel, message: told.text, slots };
    const call = { keys: this.#clocks, args, ...this.#bounds.writes };
    told.refused(await this.#connection.script(CACHE_PURGE, call));
  }

  #entry(name: string): EntryToStore {
    return { entry: name, clocks: this.#clocks };
  }

  #keys(entries: readonly string[]): EntryKeys {
    return { entries, clocks: this.#clocks };
  }
}

function outcomesOf({ clocks, nowMs, found }: StoredValues): readonly ReadOutcome[] {
  if (clocks === undefined) throw new TypeError('the cache script saw no clocks');
  return found.map(({ value, marks }) =>
    value instanceof Error ? value : { value, nowMs, clocks: withMarks(clocks, marks) },
  );
}

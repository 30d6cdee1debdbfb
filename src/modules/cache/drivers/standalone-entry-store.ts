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
import { CACHE_DELETE } from './scripts/cache-delete.lua.js';
import { CACHE_PURGE } from './scripts/cache-purge.lua.js';
import { CACHE_READ, type EntryKeys } from './scripts/cache-read.lua.js';
import { CACHE_SET } from './scripts/cache-set.lua.js';
import { type StoredValues, withMarks } from './scripts/values-reply.js';
import { packTags } from './stored-value.js';

/** Entries and clocks on one server: each call is one script, which sees both at one moment. */
export class StandaloneEntryStore implements EntryStore {
  readonly #connection: RedisConnection;
  readonly #bounds: CallBounds;
  readonly #clocks: string;

  constructor(connection: RedisConnection, clocks: string, bounds: CallBounds) {
    this.#connection = connection;
    this.#clocks = clocks;
    this.#bounds = bounds;
  }

  async read(names: readonly string[]): Promise<readonly ReadOutcome[]> {
    const call = { keys: this.#keys(names), args: names.length, ...this.#bounds };
    return outcomesOf(await this.#connection.script(CACHE_READ, call));
  }

  async begin(name: string): Promise<BegunEntry> {
    const call = { keys: this.#keys([name]), args: randomId(), ...this.#bounds };
    const reply = await this.#connection.script(CACHE_BEGIN, call);
    const [read] = outcomesOf(reply);
    if (read === undefined || read instanceof Error || reply.moment === undefined) {
      throw new TypeError('the cache script did not tell what it had begun');
    }
    return { read, moment: reply.moment };
  }

  set(name: string, entry: EntryToSet, { channel, text }: Announcement): Promise<boolean> {
    const { fence, tags, ...rest } = entry;
    const args = {
      ...rest,
      expected: fence?.revision,
      moment: fence?.moment,
      random: randomId(),
      packedTags: packTags(tags, entry.slots),
      channel,
      message: text,
    };
    const keys = { entry: name, clocks: this.#clocks };
    return this.#connection.script(CACHE_SET, { keys, args, ...this.#bounds });
  }

  async delete(
    doomed: readonly DoomedKey[],
    { announce, bounds }: Removal,
  ): Promise<readonly ReadOutcome[]> {
    const { channel, text } = announce(doomed.map(({ key }) => key));
    const args = { count: doomed.length, channel, message: text };
    const call = { keys: this.#keys(doomed.map(({ name }) => name)), args, ...bounds };
    return outcomesOf(await this.#connection.script(CACHE_DELETE, call));
  }

  purge(slots: readonly number[], kind: PurgeKind, { channel, text }: Announcement): Promise<void> {
    const args = { random: randomId(), kind, channel, message: text, slots };
    return this.#connection.script(CACHE_PURGE, { keys: this.#clocks, args, ...this.#bounds });
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

import { defineScript } from '../../../../common/redis/index.js';
import { MARKS, TEXT_AT } from './clocks.lua.js';
import { decodeValues, type StoredValues } from './values-reply.js';

/** Entries that one script reads, and the clocks where they are in the same slot of the cluster. */
export interface EntryKeys {
  readonly entries: readonly string[];
  readonly clocks: string | undefined;
}

/** As `EntryKeys` are given to a script: the clocks come last. */
export function keysOf({ entries, clocks }: EntryKeys): readonly string[] {
  return clocks === undefined ? entries : [...entries, clocks];
}

/**
 * Reads entries. What is no text counts as absent.
 *
 * KEYS     entry of each, clocks if they are here
 * ARGV     number of entries
 * Returns  { now, { id, hard, soft of everything } or nil, and of each: value or nil or the error
 *          it is refused with, { hard, soft of each slot } or nil }
 * Cost     O(entries + tags): a GET each, an HMGET, and one more for each entry with tags
 */
export const CACHE_READ = defineScript<EntryKeys, number, StoredValues>({
  name: 'cache-read',
  mode: 'read',
  lua: `${MARKS}${TEXT_AT}
local count = tonumber(arg(1))
local clocks = KEYS[count + 1]
local reply = { now, everythingMarks(clocks) }
for i = 1, count do
  local value = textAt(KEYS[i])
  reply[2 * i + 1] = value
  reply[2 * i + 2] = type(value) == 'string' and marksOf(clocks, value)
end
return reply
`,
  keys: keysOf,
  args: (count) => [count],
  decode: decodeValues,
  bytes: true,
});

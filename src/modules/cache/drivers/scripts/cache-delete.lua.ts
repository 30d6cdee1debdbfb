import { defineScript } from '../../../../common/redis/index.js';
import { AT } from '../stored-value.js';
import { type EntryKeys, keysOf } from './cache-read.lua.js';
import { MARKS } from './clocks.lua.js';
import { refusalOf, TELL } from './fence.lua.js';
import { decodeValues, type StoredValues } from './values-reply.js';

/**
 * Removes entries, and markers of loads with them.
 *
 * KEYS     entry of each, clocks if they are here
 * ARGV     number of entries, channel, message or ''
 * Returns  { the error that telling was refused with or nil, as cache-read, but of each value only
 *          as much as tells whether it was there }
 * Cost     O(entries + tags): at most 4 commands each, an HMGET and a PUBLISH
 */
export const CACHE_DELETE = defineScript<EntryKeys, DeleteArguments, DeleteReply>({
  name: 'cache-delete',
  mode: 'write',
  lua: `${MARKS}${TELL}
local count = tonumber(arg(1))
local clocks = KEYS[count + 1]
local reply = { now, everythingMarks(clocks) }
for i = 1, count do
  local head = redis.pcall('GETRANGE', KEYS[i], 0, ${AT.slots - 1})
  local slots = type(head) == 'string' and slotCount(head) or 0
  if slots > 0 then head = redis.call('GETRANGE', KEYS[i], 0, ${AT.slots - 1} + 2 * slots) end
  redis.call('UNLINK', KEYS[i])
  reply[2 * i + 1] = type(head) == 'string' and head
  reply[2 * i + 2] = type(head) == 'string' and marksOf(clocks, head)
end
return { tell(arg(2), arg(3)), reply }
`,
  keys: keysOf,
  args: ({ count, channel, message }) => [count, channel, message],
  decode: (reply) => {
    const [refusal, values] = reply as readonly unknown[];
    return { ...decodeValues(values), refusal: refusalOf(refusal) };
  },
  bytes: true,
});

interface DeleteReply extends StoredValues {
  /** What the server says that does not let this user tell of it. */
  readonly refusal: string | undefined;
}

interface DeleteArguments {
  readonly count: number;
  readonly channel: string;
  /** Told to all; `''` for nothing. */
  readonly message: string;
}

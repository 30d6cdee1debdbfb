import { defineScript } from '../../../../common/redis/index.js';
import { AT, ID_BYTES, KIND } from '../stored-value.js';
import { type EntryKeys, keysOf } from './cache-read.lua.js';
import { MARKS, TEXT_AT, WIND } from './clocks.lua.js';
import { decodeValues, type StoredValues } from './values-reply.js';

/** How long a permit is good, in ms. */
export const PERMIT_MS = 600_000;

/**
 * Announces a load: leaves a marker where nothing of use is, and keeps what is there for as long as
 * a permit is good. A marker that is there already becomes a byte longer: see cache-cancel.
 *
 * KEYS     entry, clocks if they are here
 * ARGV     8 random bytes
 * Returns  { now, { id, hard, soft of everything } or nil, value, { hard, soft of each slot } or nil,
 *          id or nil, epoch or nil }
 * Cost     O(tags): at most 9 commands
 */
export const CACHE_BEGIN = defineScript<EntryKeys, Buffer, BegunReply>({
  name: 'cache-begin',
  mode: 'write',
  lua: `${MARKS}${WIND}${TEXT_AT}
local entry, clocks = KEYS[1], KEYS[2]
local value = textAt(entry)
if type(value) == 'table' then return value end
local kind = value and #value >= ${AT.revision + ID_BYTES} and string.byte(value, 1)
if kind == ${KIND.marker} then redis.call('APPEND', entry, '.') end
if kind ~= ${KIND.marker} and kind ~= ${KIND.entry} then
  value = string.char(${KIND.marker}) .. arg(1)
  redis.call('SET', entry, value, 'PX', ${PERMIT_MS})
elseif redis.call('PTTL', entry) < ${PERMIT_MS} then
  redis.call('PEXPIRE', entry, ${PERMIT_MS})
end
local id, epoch = false, false
if clocks then id, epoch = wind(clocks, arg(1), 0) end
return { now, everythingMarks(clocks), value, marksOf(clocks, value), id, epoch and text(epoch) }
`,
  keys: keysOf,
  args: (random) => [random],
  decode: (reply) => {
    const [now, everything, value, marks, id, epoch] = reply as readonly unknown[];
    const moment = Buffer.isBuffer(id)
      ? { id: id.toString('latin1'), epoch: Number(epoch) }
      : undefined;
    return { ...decodeValues([now, everything, value, marks]), moment };
  },
  bytes: true,
});

export interface BegunReply extends StoredValues {
  /** When the load begins; `undefined` where the clocks are kept elsewhere. */
  readonly moment: { readonly id: string; readonly epoch: number } | undefined;
}

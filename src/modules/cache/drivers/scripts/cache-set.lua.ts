import { defineScript } from '../../../../common/redis/index.js';
import { AT, ID_BYTES, KIND } from '../stored-value.js';
import type { LoadMoment } from '../tag-clocks.js';
import { WIND } from './clocks.lua.js';

/**
 * Stores one entry; for a load, only where nothing outdated it.
 *
 * KEYS     entry, clocks if they are here
 * ARGV     revision that has to be there or '', id and epoch of the load or '', 8 random bytes, time
 *          to live in ms, packed tags, bytes, channel, message or '', slot of each tag
 * Returns  1 stored, 0 outdated
 * Cost     O(tags): at most 8 commands
 */
export const CACHE_SET = defineScript<EntryToStore, EntryWrite, boolean>({
  name: 'cache-set',
  mode: 'write',
  lua: `${WIND}
local entry, clocks = KEYS[1], KEYS[2]
local expected, id, epoch, ttl = arg(1), arg(2), tonumber(arg(3)), tonumber(arg(5))
if expected ~= '' then
  local head = redis.call('GETRANGE', entry, 0, ${AT.revision + ID_BYTES - 1})
  local kind = string.byte(head, 1)
  if kind ~= ${KIND.marker} and kind ~= ${KIND.entry} then return 0 end
  if string.sub(head, ${AT.revision + 1}) ~= expected then return 0 end
end
if clocks then
  local current, latest = wind(clocks, arg(4))
  if id == '' then id, epoch = current, latest end
  local fields = { 'h0' }
  for i = 10, #ARGV - 2 do fields[#fields + 1] = 'h' .. arg(i) end
  if id ~= current then return 0 end
  for _, hard in ipairs(redis.call('HMGET', clocks, unpack(fields))) do
    if hard and tonumber(hard) > epoch then return 0 end
  end
  keepFor(clocks, ttl)
end
local header = string.char(${KIND.entry}) .. arg(4) .. id .. struct.pack('>dd', epoch, now + ttl)
redis.call('SET', entry, header .. arg(6) .. arg(7), 'PX', ttl)
if arg(9) ~= '' then redis.call('PUBLISH', arg(8), arg(9)) end
return 1
`,
  keys: ({ entry, clocks }) => (clocks === undefined ? [entry] : [entry, clocks]),
  args: (write) => [
    write.expected ?? '',
    ...(write.moment ? [Buffer.from(write.moment.id, 'latin1'), write.moment.epoch] : ['', '']),
    write.random,
    write.ttlMs,
    write.packedTags,
    write.bytes,
    write.channel,
    write.message,
    ...write.slots,
  ],
  decode: (reply) => Number(reply) === 1,
});

export interface EntryToStore {
  readonly entry: string;
  readonly clocks: string | undefined;
}

export interface EntryWrite {
  /** The revision that has to be there still. `undefined`: whatever is there. */
  readonly expected: Buffer | undefined;
  /** When the load began. `undefined`: now, by the clocks that are here. */
  readonly moment: LoadMoment | undefined;
  readonly random: Buffer;
  readonly ttlMs: number;
  readonly packedTags: Buffer;
  readonly bytes: Buffer;
  readonly slots: readonly number[];
  readonly channel: string;
  /** Told to all; `''` for nothing. */
  readonly message: string;
}

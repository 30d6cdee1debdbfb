import { defineScript } from '../../../../common/redis/index.js';
import { KIND } from '../stored-value.js';
import type { LoadMoment } from '../tag-clocks.js';
import { WIND } from './clocks.lua.js';
import { FENCE, refusalOf, TELL } from './fence.lua.js';

/**
 * Stores one entry; for a load, only where nothing outdated it.
 *
 * KEYS     entry, clocks if they are here
 * ARGV     revision that has to be there or '', id and epoch of the load or '', 8 random bytes, time
 *          to live in ms, packed tags, bytes, channel, message or '', slot of each tag
 * Returns  0 outdated, or else { 1, the error that telling was refused with or nil }
 * Cost     O(tags): at most 9 commands
 */
export const CACHE_SET = defineScript<EntryToStore, EntryWrite, WriteReply>({
  name: 'cache-set',
  mode: 'write',
  lua: `${WIND}${FENCE}${TELL}
local entry, clocks = KEYS[1], KEYS[2]
local expected, id, epoch, ttl = arg(1), arg(2), tonumber(arg(3)), tonumber(arg(5))
if expected ~= '' and not fenced(entry, expected) then return 0 end
if clocks then
  local current, latest = wind(clocks, arg(4), ttl)
  if id == '' then id, epoch = current, latest
  elseif isOutdated(clocks, id, epoch, 10) then return 0 end
end
local header = string.char(${KIND.entry}) .. arg(4) .. id .. struct.pack('>dd', epoch, now + ttl)
redis.call('SET', entry, header .. arg(6) .. arg(7), 'PX', ttl)
return { 1, tell(arg(8), arg(9)) }
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
  decode: (reply) => {
    const [isStored, refusal]: readonly unknown[] = Array.isArray(reply) ? reply : [reply];
    return { isStored: Number(isStored) === 1, refusal: refusalOf(refusal) };
  },
});

interface WriteReply {
  readonly isStored: boolean;
  /** What the server says that does not let this user tell of it. */
  readonly refusal: string | undefined;
}

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

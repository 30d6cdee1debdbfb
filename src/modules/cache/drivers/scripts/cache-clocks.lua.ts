import { defineScript } from '../../../../common/redis/index.js';
import type { LoadMoment, TagClocks } from '../tag-clocks.js';
import { WIND } from './clocks.lua.js';
import { readClocks, withMarks } from './values-reply.js';

/**
 * Reads the clocks of a cluster, where an entry is mostly in another slot.
 *
 * KEYS     clocks
 * ARGV     8 random bytes, time to live in ms of the entry that is to be stored, slot of each tag
 * Returns  { id, epoch, hard and soft of everything, hard and soft of each slot }
 * Cost     O(tags): at most 6 commands
 */
export const CLOCKS_READ = defineScript<string, ClocksArguments, ClocksReply>({
  name: 'cache-clocks',
  mode: 'write',
  lua: `${WIND}
local clocks = KEYS[1]
local id, epoch = wind(clocks, arg(1), tonumber(arg(2)))
local fields = { 'h0', 's0' }
for i = 3, #ARGV - 2 do
  fields[#fields + 1] = 'h' .. arg(i)
  fields[#fields + 1] = 's' .. arg(i)
end
return { id, text(epoch), unpack(redis.call('HMGET', clocks, unpack(fields))) }
`,
  keys: (clocks) => [clocks],
  args: ({ random, ttlMs, slots }) => [random, ttlMs, ...slots],
  decode: (reply) => {
    const [id, epoch, hard, soft, ...marks] = reply as readonly (Buffer | null)[];
    const clocks = withMarks(readClocks([id ?? null, hard ?? null, soft ?? null]), marks);
    return { moment: { id: clocks.id, epoch: Number(String(epoch)) }, clocks };
  },
  bytes: true,
});

interface ClocksArguments {
  readonly random: Buffer;
  readonly ttlMs: number;
  readonly slots: readonly number[];
}

interface ClocksReply {
  readonly moment: LoadMoment;
  readonly clocks: TagClocks;
}

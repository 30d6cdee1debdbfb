import { defineScript } from '../../../../common/redis/index.js';
import type { PurgeKind } from '../../cache.driver.js';
import { WIND } from './clocks.lua.js';
import { refusalOf, TELL } from './fence.lua.js';

/**
 * Outdates the entries of slots, however many they are.
 *
 * KEYS     clocks
 * ARGV     8 random bytes, 'h' or 's', channel, message, slots
 * Returns  the error that telling was refused with, or nil
 * Cost     O(slots): at most 6 commands
 */
export const CACHE_PURGE = defineScript<string, PurgeArguments, string | undefined>({
  name: 'cache-purge',
  mode: 'write',
  lua: `${WIND}${TELL}
local clocks = KEYS[1]
local _, epoch = wind(clocks, arg(1), 0)
local purgedAt = text(math.max(epoch + 1, micros))
local fields = { 'epoch', purgedAt }
for i = 5, #ARGV - 2 do
  fields[#fields + 1] = arg(2) .. arg(i)
  fields[#fields + 1] = purgedAt
end
redis.call('HSET', clocks, unpack(fields))
return tell(arg(3), arg(4))
`,
  keys: (clocks) => [clocks],
  args: ({ random, kind, channel, message, slots }) => [
    random,
    kind === 'hard' ? 'h' : 's',
    channel,
    message,
    ...slots,
  ],
  decode: refusalOf,
});

interface PurgeArguments {
  readonly random: Buffer;
  readonly kind: PurgeKind;
  readonly channel: string;
  readonly message: string;
  readonly slots: readonly number[];
}

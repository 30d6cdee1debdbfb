import { defineScript } from '../../../../common/redis/index.js';
import { AT, ID_BYTES, KIND } from '../stored-value.js';
import type { LoadMoment } from '../tag-clocks.js';
import type { EntryToStore } from './cache-set.lua.js';
import { FENCE } from './fence.lua.js';

/**
 * Ends a load whose value is not stored. A marker is as long as there are loads under way that use
 * it, and goes with the last; an entry is left as it is.
 *
 * KEYS     entry, clocks if they are here
 * ARGV     revision that has to be there, id and epoch of the load, slot of each tag
 * Returns  1 current, 0 outdated
 * Cost     O(tags): at most 5 commands
 */
export const CACHE_CANCEL = defineScript<EntryToStore, LoadEnd, boolean>({
  name: 'cache-cancel',
  mode: 'write',
  lua: `${FENCE}
local entry, clocks = KEYS[1], KEYS[2]
local kind = fenced(entry, arg(1))
if not kind then return 0 end
if kind == ${KIND.marker} then
  local marker = redis.call('GET', entry)
  if #marker > ${AT.revision + ID_BYTES} then
    redis.call('SET', entry, string.sub(marker, 1, -2), 'KEEPTTL')
  else
    redis.call('UNLINK', entry)
  end
end
if clocks and isOutdated(clocks, arg(2), tonumber(arg(3)), 4) then return 0 end
return 1
`,
  keys: ({ entry, clocks }) => (clocks === undefined ? [entry] : [entry, clocks]),
  args: ({ expected, moment, slots }) => [
    expected,
    Buffer.from(moment.id, 'latin1'),
    moment.epoch,
    ...slots,
  ],
  decode: (reply) => Number(reply) === 1,
});

interface LoadEnd {
  /** The revision that the load was begun at. */
  readonly expected: Buffer;
  readonly moment: LoadMoment;
  /** Of its tags. */
  readonly slots: readonly number[];
}

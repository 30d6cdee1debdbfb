import { defineScript } from '../../../../common/redis/index.js';
import { decodeExtended, type Extension, type ExtendReply } from './lock-extend.lua.js';
import type { HolderKeys } from './lock-keys.js';
import { PERMITS } from './semaphore.lua.js';

/**
 * Makes holds of permits last longer.
 *
 * KEYS     of each: holders, permits
 * ARGV     of each: token, time to live in ms
 * Returns  as `lock-extend`
 * Cost     O(holds × log holders): at most 7 commands each
 */
export const SEMAPHORE_EXTEND = defineScript<
  readonly HolderKeys[],
  readonly Extension[],
  readonly ExtendReply[]
>({
  name: 'lock-semaphore-extend',
  mode: 'write',
  lua: `${PERMITS}
local answers = {}
for i = 1, #KEYS / 2 do
  local holders, permits, token = KEYS[2 * i - 1], KEYS[2 * i], arg(2 * i - 1)
  local ends = redis.call('ZSCORE', holders, token)
  if ends and tonumber(ends) > now then
    local held = redis.call('HGET', permits, ':' .. token)
    local fence = held and cjson.decode(held)[4] or ''
    answers[i] = { renew(holders, permits, token, tonumber(arg(2 * i))), fence }
  else
    answers[i] = { -1, '' }
  end
end
return answers
`,
  keys: (holds) => holds.flatMap(({ lock, permits }) => [lock, permits]),
  args: (holds) => holds.flatMap(({ ref, ttlMs }) => [ref.token, ttlMs]),
  decode: decodeExtended,
});

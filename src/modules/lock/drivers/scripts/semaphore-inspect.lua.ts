import { defineScript } from '../../../../common/redis/index.js';
import { SHOWN_HOLDERS } from '../lock-rules.js';
import { QUEUED } from './lock-holder.lua.js';
import type { SemaphoreKeys } from './lock-keys.js';
import { decodeHolders, type HolderReply } from './lock-reply.js';

/**
 * Defines what `decodeHolders` reads of a semaphore: `overview()`, and of each holder `shown(token,
 * ends)`. Keys as in `lock-semaphore-inspect`.
 */
export const HOLDERS = `${QUEUED}
local function overview()
  return { tonumber(redis.call('HGET', KEYS[5], 'of') or 0), queued() }
end
local function shown(token, ends)
  local taken = redis.call('HGET', KEYS[5], ':' .. token)
  local hold = taken and cjson.decode(taken) or { '', 0, now, '' }
  return { token, hold[1], math.max(0, now - hold[3]), tonumber(ends) - now, hold[4], hold[2] }
end
`;

/**
 * Who holds permits, and who waits for them.
 *
 * KEYS     holders, latest fence, queue, waiters, permits
 * Returns  { { permits there are, { of each waiter: as in `lock-inspect` } }, then of each holder:
 *          { token, owner, held ms, remaining ms, fence or '', permits taken } } | {}
 * Cost     O(holders and waiters that are shown)
 */
export const SEMAPHORE_INSPECT = defineScript<SemaphoreKeys, undefined, readonly HolderReply[]>({
  name: 'lock-semaphore-inspect',
  mode: 'read',
  lua: `${HOLDERS}
local found = redis.call('ZRANGE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'BYSCORE',
  'LIMIT', 0, ${SHOWN_HOLDERS}, 'WITHSCORES')
local answer = { found[1] and overview() }
for i = 1, #found, 2 do answer[#answer + 1] = shown(found[i], found[i + 1]) end
return answer
`,
  keys: ({ lock, fence, queue, waiters, permits }) => [lock, fence, queue, waiters, permits],
  args: () => [],
  decode: decodeHolders,
});

import { defineScript } from '../../../../common/redis/index.js';
import { SHOWN_HOLDERS } from '../lock-rules.js';
import { QUEUED } from './lock-holder.lua.js';
import type { SemaphoreKeys } from './lock-keys.js';
import { decodeHolders, type HolderReply } from './lock-reply.js';

/**
 * Defines `holders(limit)`: what `decodeHolders` reads, of at most so many whose time is not over; -1
 * for all. Keys as in `lock-semaphore-inspect`.
 */
export const HOLDERS = `${QUEUED}
local function holders(limit)
  local found = redis.call('ZRANGE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'BYSCORE',
    'LIMIT', 0, limit, 'WITHSCORES')
  if not found[1] then return {} end
  local of = redis.call('HGET', KEYS[5], 'of')
  local shown = { { tonumber(of) or 0, queued() } }
  for i = 1, #found, 2 do
    local taken = redis.call('HGET', KEYS[5], ':' .. found[i])
    local hold = taken and cjson.decode(taken) or { '', 0, now, '' }
    local held, rest = math.max(0, now - hold[3]), tonumber(found[i + 1]) - now
    shown[#shown + 1] = { found[i], hold[1], held, rest, hold[4], hold[2] }
  end
  return shown
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
return holders(${SHOWN_HOLDERS})
`,
  keys: ({ lock, fence, queue, waiters, permits }) => [lock, fence, queue, waiters, permits],
  args: () => [],
  decode: decodeHolders,
});

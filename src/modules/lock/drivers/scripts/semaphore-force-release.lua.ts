import { defineScript } from '../../../../common/redis/index.js';
import type { WhichHold } from '../../lock.driver.js';
import type { SemaphoreKeys } from './lock-keys.js';
import { decodeHolders, type HolderReply } from './lock-reply.js';
import { ADMIT, PERMITS } from './semaphore.lua.js';
import { HOLDERS } from './semaphore-inspect.lua.js';

/**
 * Takes permits away from the hold that is meant, and grants them to those who wait. Where several fit,
 * nothing happens.
 *
 * KEYS     holders, latest fence, queue, waiters, permits
 * ARGV     fence of the holder or '' for any, beginning of its token
 * Returns  what `lock-semaphore-inspect` does, of all holders that fit
 * Cost     O(holders and waiters)
 */
export const SEMAPHORE_FORCE_RELEASE = defineScript<
  SemaphoreKeys,
  WhichHold,
  readonly HolderReply[]
>({
  name: 'lock-semaphore-force-release',
  mode: 'write',
  lua: `${PERMITS}${ADMIT}${HOLDERS}
local found, fence, prefix = holders(-1), arg(1), arg(2)
local fit = { found[1] }
for i = 2, #found do
  local token = found[i][1]
  local isMeant = fence == '' or fence == found[i][5]
  if isMeant and string.sub(token, 1, #prefix) == prefix then fit[#fit + 1] = found[i] end
end
if #fit ~= 2 then return fit end
drop(KEYS[1], KEYS[5], fit[2][1])
keep(KEYS[1], KEYS[5])
admit(1, '')
return fit
`,
  keys: ({ lock, fence, queue, waiters, permits }) => [lock, fence, queue, waiters, permits],
  args: ({ fence = '', tokenPrefix = '' }) => [fence, tokenPrefix],
  decode: decodeHolders,
});

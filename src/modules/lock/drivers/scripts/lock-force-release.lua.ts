import { defineScript } from '../../../../common/redis/index.js';
import type { WhichHold } from '../../lock.driver.js';
import { GRANT } from './lock-grant.lua.js';
import { HANDOVER } from './lock-handover.lua.js';
import { HOLDER } from './lock-holder.lua.js';
import type { LockKeys } from './lock-keys.js';
import { decodeHolder, type HolderReply } from './lock-reply.js';

/**
 * Takes a lock away from its holder, if that is the one that is meant, and hands it over to the first
 * who waits.
 *
 * KEYS     lock, latest fence, queue, waiters
 * ARGV     fence of the holder or '' for any, beginning of its token
 * Returns  what `lock-inspect` does, of the holder it was taken from; {} where nothing was
 * Cost     O(waiters): 6 commands, 14 when the lock is handed over
 */
export const FORCE_RELEASE = defineScript<LockKeys, WhichHold, HolderReply | undefined>({
  name: 'lock-force-release',
  mode: 'write',
  lua: `${HOLDER}${GRANT}${HANDOVER}
local found, fence, prefix = holder(), arg(1), arg(2)
local isMeant = fence == '' or fence == found[5]
if found[1] and not (isMeant and string.sub(found[1], 1, #prefix) == prefix) then return {} end
redis.call('DEL', KEYS[1])
hand_over(1, '')
return found
`,
  keys: ({ lock, fence, queue, waiters }) => [lock, fence, queue, waiters],
  args: ({ fence = '', tokenPrefix = '' }) => [fence, tokenPrefix],
  decode: decodeHolder,
});

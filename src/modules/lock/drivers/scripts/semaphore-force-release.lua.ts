import { defineScript } from '../../../../common/redis/index.js';
import type { WhichHold } from '../../lock.driver.js';
import type { SemaphoreKeys } from './lock-keys.js';
import { decodeHolders, type HolderReply } from './lock-reply.js';
import { ADMIT, PERMITS } from './semaphore.lua.js';
import { HOLDERS } from './semaphore-inspect.lua.js';

/**
 * Takes permits away from the hold that is meant, and grants them to those who wait. Where several fit,
 * nothing happens, and they are only counted.
 *
 * KEYS     holders, latest fence, queue, waiters, permits
 * ARGV     fence of the holder or '' for any, beginning of its token
 * Returns  { holders that fit }, and of the one that it was taken from what `lock-semaphore-inspect`
 *          returns
 * Cost     O(log holders) by the fence, else O(holders), in one command; and that of the waiters that are
 *          shown, and of those that are admitted
 */
export const SEMAPHORE_FORCE_RELEASE = defineScript<SemaphoreKeys, WhichHold, TakenAway>({
  name: 'lock-semaphore-force-release',
  mode: 'write',
  lua: `${PERMITS}${ADMIT}${HOLDERS}
local holders, permits, fence, prefix = KEYS[1], KEYS[5], arg(1), arg(2)
local tokens
if fence == '' then
  tokens = redis.call('ZRANGE', holders, '(' .. string.format('%.0f', now), '+inf', 'BYSCORE')
else
  tokens = { redis.call('HGET', permits, '=' .. fence) or nil }
end
local fit, meant, ends = 0, nil, nil
for _, token in ipairs(tokens) do
  if string.sub(token, 1, #prefix) == prefix then fit, meant = fit + 1, token end
end
if fit == 1 then ends = redis.call('ZSCORE', holders, meant) end
if not ends then return { fit } end
if tonumber(ends) <= now then return { 0 } end
local answer = { 1, overview(), shown(meant, ends) }
drop(holders, permits, meant)
keep(holders, permits)
admit(1, '')
return answer
`,
  keys: ({ lock, fence, queue, waiters, permits }) => [lock, fence, queue, waiters, permits],
  args: ({ fence = '', tokenPrefix = '' }) => [fence, tokenPrefix],
  decode: (reply) => {
    if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
    const [fit, ...found] = reply as readonly unknown[];
    return { fit: Number(fit), holder: decodeHolders(found)[0] };
  },
});

/** What became of a call that is to take permits away. */
export interface TakenAway {
  /** Holds that fit: nothing happens but for one. */
  readonly fit: number;
  readonly holder: HolderReply | undefined;
}

import { defineScript } from '../../../../common/redis/index.js';
import type { LockClaim } from '../../lock.driver.js';
import { FENCE } from './lock-fence.lua.js';
import { decodeTagged, type TaggedReply } from './lock-reply.js';
import { RENEW } from './lock-renew.lua.js';

/**
 * Takes the lock for a token when nobody holds it; renews it for the token that does.
 *
 * KEYS[1]  lock
 * KEYS[2]  latest fence
 * ARGV     token, time to live in ms, owner, least fence or '' for none
 * Returns  { 'acquired' | 'busy', time left in ms, fence or '' }
 * Cost     O(1): 2 commands when busy, 4 when taken, 3 of them without a fence
 */
export const ACQUIRE = defineScript<GrantKeys, LockClaim, TaggedReply>({
  name: 'lock-acquire',
  mode: 'write',
  lua: `${RENEW}${FENCE}
local holder = redis.call('HMGET', KEYS[1], 'token', 'fence')
local ttl = tonumber(arg(2))
if holder[1] == arg(1) then return { 'acquired', renew(ttl), holder[2] or '' } end
if holder[1] then return { 'busy', redis.call('PTTL', KEYS[1]), '' } end
local since = string.format('%.0f', now)
local fence = arg(4) ~= '' and next_fence(KEYS[2], tonumber(arg(4)), ttl) or ''
redis.call('HSET', KEYS[1], 'token', arg(1), 'owner', arg(3), 'since', since, 'fence', fence)
redis.call('PEXPIRE', KEYS[1], ttl)
return { 'acquired', ttl, fence }
`,
  keys: ({ lock, fence }) => [lock, fence],
  args: ({ token, ttlMs, owner, fence = 0 }) => [
    token,
    ttlMs,
    owner,
    fence === 'none' ? '' : fence,
  ],
  decode: decodeTagged,
});

/** Both in one slot. */
interface GrantKeys {
  readonly lock: string;
  readonly fence: string;
}

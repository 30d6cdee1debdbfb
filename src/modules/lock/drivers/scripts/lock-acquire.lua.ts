import { defineScript } from '../../../../common/redis/index.js';
import type { LockClaim } from '../../lock.driver.js';
import { FENCE } from './lock-fence.lua.js';
import { GRANT } from './lock-grant.lua.js';
import { HANDOVER } from './lock-handover.lua.js';
import type { LockKeys } from './lock-keys.js';
import { decodeFence } from './lock-reply.js';

/**
 * Takes the lock for a token when nobody holds it; renews it for the token that does. A free lock
 * that others wait for is handed over to them. The most frequent script, so it defines no functions
 * where it can do without: each would be made with every call.
 *
 * KEYS     lock, latest fence, queue, waiters
 * ARGV     token, time to live in ms, owner, least fence or '' for none
 * Returns  { 'acquired' | 'busy', time left in ms, fence or '' }
 * Cost     O(1): 2 commands when busy, 5 when taken, 4 of them without a fence
 */
export const ACQUIRE = defineScript<LockKeys, LockClaim, AcquireReply>({
  name: 'lock-acquire',
  mode: 'write',
  lua: `
local lock, token, ttl = KEYS[1], ARGV[3], ARGV[4]
local holder = redis.call('HMGET', lock, 'token', 'fence')
if not holder[1] and redis.call('EXISTS', KEYS[3]) == 1 then
  ${GRANT}${HANDOVER}
  hand_over(1, '')
  holder = redis.call('HMGET', lock, 'token', 'fence')
  -- The first waits for permits of the same key, and asks for them itself.
  if not holder[1] and redis.call('EXISTS', KEYS[3]) == 1 then return { 'busy', 0, '' } end
end
if holder[1] == token then
  local rest = math.max(redis.call('PTTL', lock), tonumber(ttl))
  redis.call('PEXPIRE', lock, rest)
  return { 'acquired', rest, holder[2] or '' }
end
if holder[1] then return { 'busy', redis.call('PTTL', lock), '' } end
local fence = ''
if ARGV[6] ~= '' then
  local fences, least = KEYS[2], tonumber(ARGV[6])
  ${FENCE}
end
redis.call('HSET', lock, 'token', token, 'owner', ARGV[5], 'since', now, 'fence', fence)
redis.call('PEXPIRE', lock, ttl)
return { 'acquired', tonumber(ttl), fence }
`,
  keys: ({ lock, fence, queue, waiters }) => [lock, fence, queue, waiters],
  args: claimArguments,
  decode: (reply) => {
    if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
    const [word, ms, fence] = reply as readonly unknown[];
    return { isAcquired: word === 'acquired', ms: Number(ms), fence: decodeFence(fence) };
  },
});

/** What one claim came to. */
export interface AcquireReply {
  readonly isAcquired: boolean;
  /** Rest of the hold, whoever has it. */
  readonly ms: number;
  readonly fence: number | undefined;
}

/** Token, time to live in ms, owner, least fence or '' for none. */
export function claimArguments(claim: LockClaim): readonly [string, number, string, number | ''] {
  const { token, ttlMs, owner, fence } = claim;
  return [token, ttlMs, owner, leastFence(fence)];
}

/** As the scripts take it: '' for none. */
export function leastFence(fence: LockClaim['fence'] = 0): number | '' {
  return fence === 'none' ? '' : fence;
}

import { defineScript } from '../../../../common/redis/index.js';
import type { LockClaim } from '../../lock.driver.js';
import { claimArguments } from './lock-acquire.lua.js';
import { GRANT } from './lock-grant.lua.js';
import { HANDOVER } from './lock-handover.lua.js';
import type { LockKeys } from './lock-keys.js';
import { decodeFence } from './lock-reply.js';
import { RENEW } from './lock-renew.lua.js';

/**
 * Takes all locks for their tokens when nobody holds any of them; else none. Renews those that their
 * token holds. A free lock that others wait for is handed over to them.
 *
 * KEYS     of each claim: lock, latest fence, queue, waiters
 * ARGV     of each claim: as of `lock-acquire`
 * Returns  { 'acquired', then of each claim: time left in ms, fence or '' }
 *          | { 'busy', place of the claim from 0, time left in ms }
 * Cost     O(claims): of each 2 commands, and 3 more when taken, 2 of them without a fence
 */
export const ACQUIRE_ALL = defineScript<readonly LockKeys[], readonly LockClaim[], AcquireAllReply>(
  {
    name: 'lock-acquire-all',
    mode: 'write',
    lua: `${RENEW}${GRANT}${HANDOVER}
local claims, held = #KEYS / 4, {}
for i = 1, claims do
  local k = 4 * i - 3
  held[i] = redis.call('HMGET', KEYS[k], 'token', 'fence')
  if not held[i][1] and redis.call('EXISTS', KEYS[k + 2]) == 1 then
    hand_over(k, '')
    held[i] = redis.call('HMGET', KEYS[k], 'token', 'fence')
    if not held[i][1] and redis.call('EXISTS', KEYS[k + 2]) == 1 then return { 'busy', i - 1, 0 } end
  end
  if held[i][1] and held[i][1] ~= arg(k) then
    return { 'busy', i - 1, redis.call('PTTL', KEYS[k]) }
  end
end
local answer = { 'acquired' }
for i = 1, claims do
  local k = 4 * i - 3
  local ttl = tonumber(arg(k + 1))
  local fence = held[i][2] or ''
  if held[i][1] then
    ttl = renew(KEYS[k], ttl)
  else
    fence = grant(KEYS[k], KEYS[k + 1], arg(k), { arg(k + 2), ttl, arg(k + 3) }, ttl)
  end
  answer[2 * i], answer[2 * i + 1] = ttl, fence
end
return answer
`,
    keys: (locks) =>
      locks.flatMap(({ lock, fence, queue, waiters }) => [lock, fence, queue, waiters]),
    args: (claims) => claims.flatMap(claimArguments),
    decode: decodeAcquired,
  },
);

export type AcquireAllReply =
  | { readonly word: 'acquired'; readonly grants: readonly GrantReply[] }
  | { readonly word: 'busy'; readonly index: number; readonly ms: number };

interface GrantReply {
  readonly ms: number;
  readonly fence: number | undefined;
}

function decodeAcquired(reply: unknown): AcquireAllReply {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  const [word, ...rest] = reply as readonly unknown[];
  if (word !== 'acquired') return { word: 'busy', index: Number(rest[0]), ms: Number(rest[1]) };
  const grants: GrantReply[] = [];
  for (let at = 0; at < rest.length; at += 2) {
    grants.push({ ms: Number(rest[at]), fence: decodeFence(rest[at + 1]) });
  }
  return { word, grants };
}

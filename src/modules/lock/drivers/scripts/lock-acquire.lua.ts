import { defineScript } from '../../../../common/redis/index.js';
import type { LockClaim } from '../../lock.driver.js';
import { FENCE } from './lock-fence.lua.js';
import { GRANT } from './lock-grant.lua.js';
import type { LockKeys } from './lock-keys.js';
import { decodeFence } from './lock-reply.js';
import { RENEW } from './lock-renew.lua.js';

/**
 * Takes all locks for their tokens when nobody holds any of them, and nobody waits for any; else
 * none. Renews those that their token holds.
 *
 * KEYS     of each claim: lock, latest fence, queue
 * ARGV     of each claim: token, owner, time to live in ms, least fence or '' for none, least time to
 *          hold in ms
 * Returns  { 'acquired', then of each claim: time left in ms, fence or '' }
 *          | { 'busy', place of the claim from 0, time left in ms }
 * Cost     O(claims): of each 1 command, and 1 when the claim is what is busy, 4 when taken, 3 of
 *          them without a fence
 */
export const ACQUIRE = defineScript<readonly LockKeys[], readonly LockClaim[], AcquireReply>({
  name: 'lock-acquire',
  mode: 'write',
  lua: `${RENEW}${FENCE}${GRANT}
local claims, held = #KEYS / 3, {}
for i = 1, claims do
  local lock, token = KEYS[3 * i - 2], arg(5 * i - 4)
  held[i] = redis.call('HMGET', lock, 'token', 'fence')
  local holder = held[i][1]
  if holder and holder ~= token or not holder and redis.call('EXISTS', KEYS[3 * i]) == 1 then
    return { 'busy', i - 1, math.max(0, redis.call('PTTL', lock)) }
  end
end
local answer = { 'acquired' }
for i = 1, claims do
  local k, a, ttl = 3 * i - 2, 5 * i - 4, tonumber(arg(5 * i - 2))
  local fence = held[i][2] or ''
  if held[i][1] then
    ttl = renew(KEYS[k], ttl)
  else
    fence = grant(KEYS[k], KEYS[k + 1], arg(a), { arg(a + 1), ttl, arg(a + 3), arg(a + 4) }, ttl)
  end
  answer[2 * i], answer[2 * i + 1] = ttl, fence
end
return answer
`,
  keys: (locks) => locks.flatMap(({ lock, fence, queue }) => [lock, fence, queue]),
  args: (claims) =>
    claims.flatMap(({ token, owner, ttlMs, fence, holdAtLeastMs }) => [
      token,
      owner,
      ttlMs,
      leastFence(fence),
      holdAtLeastMs ?? 0,
    ]),
  decode: decodeAcquired,
});

export type AcquireReply =
  | { readonly word: 'acquired'; readonly grants: readonly GrantReply[] }
  | { readonly word: 'busy'; readonly index: number; readonly ms: number };

export interface GrantReply {
  readonly ms: number;
  readonly fence: number | undefined;
}

/** As the scripts take it: '' for none. */
export function leastFence(fence: LockClaim['fence'] = 0): number | '' {
  return fence === 'none' ? '' : fence;
}

function decodeAcquired(reply: unknown): AcquireReply {
  if (!Array.isArray(reply)) throw new TypeError('a lock script replied with no list');
  const [word, ...rest] = reply as readonly unknown[];
  if (word !== 'acquired') return { word: 'busy', index: Number(rest[0]), ms: Number(rest[1]) };
  const grants: GrantReply[] = [];
  for (let at = 0; at < rest.length; at += 2) {
    grants.push({ ms: Number(rest[at]), fence: decodeFence(rest[at + 1]) });
  }
  return { word, grants };
}

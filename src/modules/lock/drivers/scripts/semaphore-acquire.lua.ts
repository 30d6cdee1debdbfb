import { defineScript } from '../../../../common/redis/index.js';
import { leastFence } from './lock-acquire.lua.js';
import type { SemaphoreKeys } from './lock-keys.js';
import { ENTER } from './lock-queue.lua.js';
import { decodeWaiting, type WaitArguments, type WaitReply } from './lock-wait.lua.js';
import { ADMIT, PERMITS } from './semaphore.lua.js';

/**
 * Takes permits for tokens where they are left and nobody waits, or where they were granted already;
 * else a claim that waits enters the queue, and says that its process lives. Permits that are left are
 * granted to those who wait, in order: also where nobody holds any and the claim is of another size,
 * so that it learns of theirs.
 *
 * KEYS     of each claim: holders, latest fence, queue, waiters, permits
 * ARGV     of each claim: token, channel of its process or '' where it does not wait, arrival as it was
 *          told or '', the claim as JSON: see `ADMIT`
 * Returns  of each claim: { 'acquired', time left in ms, fence or '' }
 *          | { 'busy', time in ms until the next hold ends, arrival or '' }
 *          | { 'misuse', permits that the key has, '' }
 * Cost     O(claims × log (waiters + holders)), and more where waiters are dead, or where holds are over
 *          or waiters admitted: of those a bounded number in one call
 */
export const SEMAPHORE_ACQUIRE = defineScript<
  readonly SemaphoreKeys[],
  WaitArguments,
  readonly WaitReply[]
>({
  name: 'lock-semaphore-acquire',
  mode: 'write',
  lua: `${PERMITS}${ADMIT}${ENTER}
local function answer(k, token, claim)
  local holders, queue, permits = KEYS[k], KEYS[k + 2], KEYS[k + 4]
  local used, known = in_use(holders, permits)
  if known and known ~= claim[6] then
    leave(k, token)
    return { 'misuse', known, '' }
  end
  if redis.call('ZSCORE', holders, token) then
    local held = redis.call('HGET', permits, ':' .. token)
    return { 'acquired', renew(holders, permits, token, claim[2]), held and cjson.decode(held)[4] or '' }
  end
  if used + claim[5] <= claim[6] and redis.call('EXISTS', queue) == 0 then
    return { 'acquired', claim[2], grant(k, token, claim, claim[2]) }
  end
end
local function take(k, token, process, arrival, text)
  local claim = cjson.decode(text)
  local known, place = answer(k, token, claim), ''
  if known then return known end
  if process ~= '' then place = enter(k, token, process, arrival, text) end
  if redis.call('EXISTS', KEYS[k + 2]) == 1 then
    admit(k, token)
    known = answer(k, token, claim)
  end
  if known then return known end
  local first = redis.call('ZRANGE', KEYS[k], 0, 0, 'WITHSCORES')[2]
  return { 'busy', first and math.max(0, tonumber(first) - now) or 0, place }
end
local answers = {}
for i = 1, #KEYS / 5 do
  local a = 4 * i - 3
  answers[i] = take(5 * i - 4, arg(a), arg(a + 1), arg(a + 2), arg(a + 3))
end
return answers
`,
  keys: (semaphores) =>
    semaphores.flatMap(({ lock, fence, queue, waiters, permits }) => [
      lock,
      fence,
      queue,
      waiters,
      permits,
    ]),
  args: ({ channel, claims }) =>
    claims.flatMap(({ claim, arrival }) => {
      const { token, owner, ttlMs, fence, permits } = claim;
      const wanted = [owner, ttlMs, leastFence(fence), channel, permits?.take, permits?.of];
      return [token, channel, arrival, JSON.stringify(wanted)];
    }),
  decode: decodeWaiting,
});

import { defineScript } from '../../../../common/redis/index.js';
import { RELEASE_KNOWN_MS } from '../lock-rules.js';
import type { SemaphoreKeys } from './lock-keys.js';
import { decodeReleased, type ReleaseReply } from './lock-release.lua.js';
import { ADMIT, PERMITS } from './semaphore.lua.js';

/**
 * Ends the hold of a token, and remembers that it did, for a caller that never got the answer; a token
 * that only waits leaves the queue. Permits that are left then are granted to those who wait.
 *
 * KEYS     holders, latest fence, queue, waiters, permits, mark that the token released them
 * ARGV     token, longest life of the mark in ms, channel of the process that asks
 * Returns  { 'released' | 'lost', then of each new holder of that process: token, time left in ms, fence
 *          or '' }
 * Cost     O(log (waiters + holders)), and that for each of those that are admitted: 10 commands when
 *          released and nobody waits
 */
export const SEMAPHORE_RELEASE = defineScript<ReleaseKeys, ReleaseArguments, ReleaseReply>({
  name: 'lock-semaphore-release',
  mode: 'write',
  lua: `${PERMITS}${ADMIT}
local token, holders, permits = arg(1), KEYS[1], KEYS[5]
local answer, ends = { 'lost' }, redis.call('ZSCORE', holders, token)
local rest = ends and tonumber(ends) - now or 0
if rest > 0 then
  redis.call('SET', KEYS[6], '', 'PX', math.max(1, math.min(rest, tonumber(arg(2)))))
  drop(holders, permits, token)
  keep(holders, permits)
  answer = { 'released' }
elseif not leave(1, token) and redis.call('EXISTS', KEYS[6]) == 1 then
  answer = { 'released' }
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  for _, told in ipairs(admit(1, arg(3))) do answer[#answer + 1] = told end
end
return answer
`,
  keys: ({ lock, fence, queue, waiters, permits, released }) => [
    lock,
    fence,
    queue,
    waiters,
    permits,
    released,
  ],
  args: ({ token, channel }) => [token, RELEASE_KNOWN_MS, channel],
  decode: decodeReleased,
});

interface ReleaseKeys extends SemaphoreKeys {
  readonly released: string;
}

interface ReleaseArguments {
  readonly token: string;
  readonly channel: string;
}

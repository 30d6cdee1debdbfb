import { defineScript } from '../../../../common/redis/index.js';
import type { LockRef } from '../../lock.driver.js';
import { REMEMBERED_MS } from './lock-fence.lua.js';
import type { LockKeys } from './lock-keys.js';

/**
 * Gives holds the fence that all masters of a quorum agree on, and remembers it where it is greater
 * than the latest, so that the next grant gets a greater one.
 *
 * KEYS     of each hold: lock, latest fence
 * ARGV     of each hold: token, fence
 * Returns  'agreed' | 'lost' where a token does not hold its lock; others may be changed then
 * Cost     O(holds): at most 5 commands each
 */
export const AGREE = defineScript<readonly LockKeys[], readonly FencedHold[], boolean>({
  name: 'lock-agree',
  mode: 'write',
  lua: `
for i = 1, #KEYS, 2 do
  local lock, fences, fence = KEYS[i], KEYS[i + 1], arg(i + 1)
  if redis.call('HGET', lock, 'token') ~= arg(i) then return 'lost' end
  redis.call('HSET', lock, 'fence', fence)
  local latest = redis.call('GET', fences)
  if not latest or tonumber(latest) < tonumber(fence) then
    redis.call('SET', fences, fence, 'PX', ${REMEMBERED_MS} + redis.call('PTTL', lock))
  end
end
return 'agreed'
`,
  keys: (locks) => locks.flatMap(({ lock, fence }) => [lock, fence]),
  args: (holds) => holds.flatMap(({ token, fence }) => [token, fence]),
  decode: (reply) => reply === 'agreed',
});

/** A hold, and the fence it is to have. */
export interface FencedHold extends LockRef {
  readonly fence: number;
}

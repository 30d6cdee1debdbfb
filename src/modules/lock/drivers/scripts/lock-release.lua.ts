import { defineScript } from '../../../../common/redis/index.js';
import type { ReleaseOutcome } from '../../lock.driver.js';
import { RELEASE_KNOWN_MS } from '../lock-rules.js';

/**
 * Ends the hold of a token, and remembers that it did, for a caller that never got the answer.
 *
 * KEYS[1]  lock
 * KEYS[2]  mark that the token released it
 * ARGV     token, longest life of the mark in ms
 * Returns  'released' | 'lost'
 * Cost     O(1): 4 commands when released, 2 when lost
 */
export const RELEASE = defineScript<ReleaseKeys, string, ReleaseOutcome>({
  name: 'lock-release',
  mode: 'write',
  lua: `
if redis.call('HGET', KEYS[1], 'token') ~= arg(1) then
  return redis.call('EXISTS', KEYS[2]) == 1 and 'released' or 'lost'
end
local rest = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], '', 'PX', math.max(1, math.min(rest, tonumber(arg(2)))))
return 'released'
`,
  keys: ({ lock, released }) => [lock, released],
  args: (token) => [token, RELEASE_KNOWN_MS],
  decode: (reply) => (reply === 'released' ? 'released' : 'lost'),
});

interface ReleaseKeys {
  readonly lock: string;
  readonly released: string;
}

import { defineScript } from '../../../../common/redis/index.js';

interface Beat {
  readonly id: string;
  /** Who was not heard of for so long is gone. */
  readonly forgetAfterMs: number;
}

/**
 * Says that an instance is there, forgets those that are not, and counts.
 *
 * Whoever is in the future beat before the server's clock was set back, and will beat again.
 *
 * KEYS     sorted set of instances by the time of their last beat
 * ARGV     own id, ms after which an instance is forgotten
 * Returns  number of instances
 * Cost     O(log n), and O(log n) for each that is forgotten
 */
export const INSTANCE_BEAT = defineScript<string, Beat, number>({
  name: 'throttle-instance-beat',
  mode: 'write',
  lua: `
local key, forget_after = KEYS[1], tonumber(arg(2))
redis.call('ZADD', key, string.format('%.0f', now), arg(1))
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - forget_after))
redis.call('ZREMRANGEBYSCORE', key, string.format('(%.0f', now), '+inf')
redis.call('PEXPIRE', key, forget_after)
return redis.call('ZCARD', key)
`,
  keys: (key) => [key],
  args: ({ id, forgetAfterMs }) => [id, forgetAfterMs],
  decode: Number,
});

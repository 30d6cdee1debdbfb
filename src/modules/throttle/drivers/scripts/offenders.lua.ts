import { defineScript } from '../../../../common/redis/index.js';

/** Keys of the summaries: when each instance told its own, and what it told. */
export interface OffenderKeys {
  readonly times: string;
  readonly summaries: string;
}

interface Published {
  /** Of the instance. */
  readonly id: string;
  readonly summary: string;
  /** What is older is forgotten. */
  readonly forgetAfterMs: number;
}

const keys = ({ times, summaries }: OffenderKeys): readonly string[] => [times, summaries];

/**
 * Puts the summary of an instance in place of its last one, and forgets those of instances that told
 * nothing for long.
 *
 * KEYS     sorted set of instances by the time of their summary, hash of the summaries
 * ARGV     own id, summary, ms after which a summary is forgotten
 * Returns  1
 * Cost     O(log n), and O(log n) for each that is forgotten
 */
export const PUBLISH_OFFENDERS = defineScript<OffenderKeys, Published, number>({
  name: 'throttle-offenders-publish',
  mode: 'write',
  lua: `
local times, summaries, forget_after = KEYS[1], KEYS[2], tonumber(arg(3))
redis.call('ZADD', times, string.format('%.0f', now), arg(1))
redis.call('HSET', summaries, arg(1), arg(2))
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', string.format('%.0f', now - forget_after))) do
  redis.call('ZREM', times, gone)
  redis.call('HDEL', summaries, gone)
end
redis.call('PEXPIRE', times, forget_after)
redis.call('PEXPIRE', summaries, forget_after)
return 1
`,
  keys,
  args: ({ id, summary, forgetAfterMs }) => [id, summary, forgetAfterMs],
  decode: Number,
});

/**
 * What the other instances told lately.
 *
 * KEYS     as of `throttle-offenders-publish`
 * ARGV     own id, ms after which a summary is forgotten
 * Returns  their summaries
 * Cost     O(instances)
 */
export const READ_OFFENDERS = defineScript<
  OffenderKeys,
  Omit<Published, 'summary'>,
  readonly string[]
>({
  name: 'throttle-offenders-read',
  mode: 'read',
  lua: `
local since, found = string.format('(%.0f', now - tonumber(arg(2))), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf')) do
  local summary = id ~= arg(1) and redis.call('HGET', KEYS[2], id)
  if summary then found[#found + 1] = summary end
end
return found
`,
  keys,
  args: ({ id, forgetAfterMs }) => [id, forgetAfterMs],
  decode: (found) => (Array.isArray(found) ? found.map(String) : []),
});

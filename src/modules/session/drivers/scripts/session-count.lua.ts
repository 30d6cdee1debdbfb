import { defineScript } from '../../../../common/redis/index.js';

/**
 * How many sessions of these buckets are live. Not for a cluster, where every bucket has a slot.
 *
 * KEYS     live indexes
 * Returns  the count
 * Cost     O(buckets × log sessions), 1 command each
 */
export const SESSION_COUNT = defineScript<readonly string[], undefined, number>({
  name: 'session-count',
  mode: 'read',
  lua: `
local after = '(' .. string.format('%.0f', now)
local count = 0
for i = 1, #KEYS do count = count + redis.call('ZCOUNT', KEYS[i], after, '+inf') end
return count
`,
  keys: (live) => live,
  args: () => [],
  decode: Number,
});

import { defineScript } from '../../../../common/redis/index.js';

/**
 * The ids of a user's sessions. Forgets those whose time is over.
 *
 * KEYS     user index
 * Returns  ids, next to expire first
 * Cost     O(sessions of the user), 2 commands
 */
export const SESSION_INDEX_READ = defineScript<string, undefined, readonly string[]>({
  name: 'session-index',
  mode: 'write',
  lua: `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
return redis.call('ZRANGE', KEYS[1], 0, -1)
`,
  keys: (index) => [index],
  args: () => [],
  decode: (reply) => reply as readonly string[],
});

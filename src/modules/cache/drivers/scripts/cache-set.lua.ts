import { defineScript } from '../../../../common/redis/index.js';

/**
 * Stores one entry. A script instead of a plain SET, so that a set which was stuck in a frozen
 * server cannot overwrite what was stored or deleted since.
 *
 * KEYS[1]  entry
 * ARGV     bytes, time to live in ms
 * Returns  'stored'
 * Cost     O(1), 1 write
 */
export const CACHE_SET = defineScript<string, CacheSetArguments, undefined>({
  name: 'cache-set',
  mode: 'write',
  lua: `
redis.call('SET', KEYS[1], arg(1), 'PX', arg(2))
return 'stored'
`,
  keys: (key) => [key],
  args: ({ bytes, ttlMs }) => [bytes, ttlMs],
  decode: () => undefined,
});

interface CacheSetArguments {
  readonly bytes: Buffer;
  readonly ttlMs: number;
}

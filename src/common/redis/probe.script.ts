import { defineScript } from './define-script.js';

/**
 * KEYS[1]  probe key
 * Returns  the server's time in ms
 * Cost     O(1), 1 write
 */
export const PROBE = defineScript<{ readonly key: string }, undefined, number>({
  name: 'gate-probe',
  mode: 'read', // must not be refused as late: it is what synchronises the clock
  lua: `
redis.call('SET', KEYS[1], now, 'PX', 60000)
return now
`,
  keys: ({ key }) => [key],
  args: () => [],
  decode: Number,
});

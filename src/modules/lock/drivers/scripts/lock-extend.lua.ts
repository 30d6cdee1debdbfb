import { defineScript } from '../../../../common/redis/index.js';
import { decodeTagged, type TaggedReply } from './lock-reply.js';
import { RENEW } from './lock-renew.lua.js';

/**
 * Makes the hold of a token last longer.
 *
 * KEYS[1]  lock
 * ARGV     token, time to live in ms
 * Returns  { 'extended', time left in ms, fence or '' } | { 'lost', 0, '' }
 * Cost     O(1): at most 3 commands
 */
export const EXTEND = defineScript<string, ExtendArguments, TaggedReply>({
  name: 'lock-extend',
  mode: 'write',
  lua: `${RENEW}
local holder = redis.call('HMGET', KEYS[1], 'token', 'fence')
if holder[1] ~= arg(1) then return { 'lost', 0, '' } end
return { 'extended', renew(tonumber(arg(2))), holder[2] or '' }
`,
  keys: (lock) => [lock],
  args: ({ token, ttlMs }) => [token, ttlMs],
  decode: decodeTagged,
});

interface ExtendArguments {
  readonly token: string;
  readonly ttlMs: number;
}

import { defineScript } from '../../../../common/redis/index.js';

interface RevokeKeys {
  readonly generation: string;
  readonly index: string;
  readonly live: string;
}

/**
 * Ends all sessions of a user by removing the generation that they carry. Their records are
 * unreadable from then on and go when their time is over. The UNLINK comes first, so that a full
 * server does not refuse the rest.
 *
 * KEYS     generation, user index, live index
 * Returns  how many live sessions the index held
 * Cost     O(1) to revoke, 8 commands; the live index forgets them in O(sessions of the bucket)
 */
export const SESSION_REVOKE = defineScript<RevokeKeys, undefined, number>({
  name: 'session-revoke',
  mode: 'write',
  lua: `
local hadAny = redis.call('EXISTS', KEYS[1]) == 1
local count = redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf')
local rest = redis.call('PTTL', KEYS[3])
redis.call('UNLINK', KEYS[1])
if rest > 0 then
  redis.call('ZDIFFSTORE', KEYS[3], 2, KEYS[3], KEYS[2])
  redis.call('PEXPIRE', KEYS[3], rest)
end
redis.call('UNLINK', KEYS[2])
return hadAny and count or 0
`,
  keys: ({ generation, index, live }) => [generation, index, live],
  args: () => [],
  decode: Number,
});

import { defineScript } from '../../../../common/redis/index.js';
import type { EndedSession } from '../../session.driver.js';
import { LOAD, type SessionKeys, sessionKeys } from './session-record.lua.js';

/**
 * Removes one session and its entries in the indexes.
 *
 * KEYS     session, generation, user index, live index
 * ARGV     id
 * Returns  { 'destroyed', user or nil } | { 'absent' }
 * Cost     O(log sessions of the bucket), 5 commands
 */
export const SESSION_DESTROY = defineScript<SessionKeys, string, EndedSession | undefined>({
  name: 'session-destroy',
  mode: 'write',
  lua: `${LOAD}
local fields = load(KEYS[1], redis.call('GET', KEYS[2]))
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[3], arg(1))
redis.call('ZREM', KEYS[4], arg(1))
if not fields then return { 'absent' } end
return { 'destroyed', fields[USER] }
`,
  keys: sessionKeys,
  args: (id) => [id],
  decode: (reply) => {
    const [tag, user] = reply as readonly [string, string | null | undefined];
    return tag === 'destroyed' ? { userId: user ?? undefined } : undefined;
  },
});

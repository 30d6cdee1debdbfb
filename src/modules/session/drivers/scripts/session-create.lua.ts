import { defineScript } from '../../../../common/redis/index.js';
import type { NewSession } from '../../session.driver.js';
import { ENLIST, FOUND, LOAD, type SessionKeys, sessionKeys } from './session-record.lua.js';

interface CreateArguments {
  readonly session: NewSession;
  readonly userKey: string;
  readonly version: string;
  /** The user's generation, if he has none. */
  readonly generation: string;
}

/**
 * Stores a session under its user's generation and enters it in both indexes. The HSET comes first,
 * so that a full server refuses it.
 *
 * KEYS     session, generation, user index, live index
 * ARGV     id, user, user key, hash of the secret, ttl in ms, version, new generation, origin, data
 * Returns  { 'created', fields } | { 'taken' }
 * Cost     O(log sessions of the bucket), 15 commands, and O(1) amortised for each expired entry
 */
export const SESSION_CREATE = defineScript<SessionKeys, CreateArguments, unknown>({
  name: 'session-create',
  mode: 'write',
  bytes: true,
  lua: `${LOAD}${ENLIST}${FOUND}
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'taken' } end
local id, ttl = arg(1), tonumber(arg(5))
local expires = now + ttl
local known = redis.call('GET', KEYS[2])
local generation = known or arg(7)
redis.call('HSET', KEYS[1], 'user', arg(2), 'userKey', arg(3), 'hash', arg(4),
  'generation', generation, 'created', whole(now), 'seen', whole(now), 'expires', whole(expires),
  'ttl', whole(ttl), 'version', arg(6), 'origin', arg(8), 'data', arg(9))
redis.call('PEXPIRE', KEYS[1], ttl)
if known then outlive(KEYS[2], ttl) else redis.call('SET', KEYS[2], generation, 'PX', ttl) end
enlist(KEYS[3], id, expires, ttl)
enlist(KEYS[4], id, expires, ttl)
return found('created', load(KEYS[1], generation))
`,
  keys: sessionKeys,
  args: ({ session: { id, userId, secretHash, ttlMs, origin, data }, ...rest }) => [
    id,
    userId,
    rest.userKey,
    secretHash,
    ttlMs,
    rest.version,
    rest.generation,
    origin,
    data,
  ],
  decode: (reply) => reply,
});

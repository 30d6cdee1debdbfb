import { defineScript } from '../../../../common/redis/index.js';
import { ENLIST, FOUND, LOAD, type SessionKeys, sessionKeys } from './session-record.lua.js';

interface PutArguments {
  readonly id: string;
  readonly ttlMs: number;
  readonly version: string;
  readonly data: Buffer;
}

/**
 * Stores a session without user or secret, unless a live session with a secret has that id. What is
 * left of one that is dead goes. The HSET comes first, so that a full server refuses it.
 *
 * KEYS     session, generation, user index, live index; the middle two of the session that was there
 * ARGV     id, ttl in ms, version, data
 * Returns  { 'stored', fields } | { 'taken' }
 * Cost     O(log sessions of the bucket), 12 commands
 */
export const SESSION_PUT = defineScript<SessionKeys, PutArguments, unknown>({
  name: 'session-put',
  mode: 'write',
  bytes: true,
  lua: `${LOAD}${ENLIST}${FOUND}
local before = load(KEYS[1], redis.call('GET', KEYS[2]))
if before and before[HASH] then return { 'taken' } end
local id, ttl = arg(1), tonumber(arg(2))
local expires = now + ttl
redis.call('HSET', KEYS[1], 'created', whole(now), 'seen', whole(now), 'expires', whole(expires),
  'ttl', whole(ttl), 'version', arg(3), 'origin', '', 'data', arg(4))
redis.call('HDEL', KEYS[1], 'user', 'userKey', 'hash', 'generation')
redis.call('ZREM', KEYS[3], id)
redis.call('PEXPIRE', KEYS[1], ttl)
enlist(KEYS[4], id, expires, ttl)
return found('stored', load(KEYS[1], false))
`,
  keys: sessionKeys,
  args: ({ id, ttlMs, version, data }) => [id, ttlMs, version, data],
  decode: (reply) => reply,
});

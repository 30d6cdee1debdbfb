import { defineScript } from '../../../../common/redis/index.js';
import { ENLIST, FOUND, LOAD, type SessionKeys, sessionKeys } from './session-record.lua.js';

interface TouchArguments {
  readonly id: string;
  /** Of the user whose keys are given; `''` for a session of nobody. */
  readonly userKey: string;
  /** What has to be stored of the secret; `undefined` for callers that need none. */
  readonly secretHash: string | undefined;
  readonly touchPermille: number;
}

/**
 * Opens a session and, once so many thousandths of its life have passed since the last touch,
 * starts its life anew. The user key may come from a client: it opens nothing unless it is the
 * stored one.
 *
 * All strings of equal content are one object in Lua 5.1, so comparing the hashes takes the same
 * time wherever they differ.
 *
 * A server that is full refuses the first write of a script if it may need memory, and none after
 * it: therefore PEXPIRE comes first, and a full server does not lock everybody out.
 *
 * KEYS     session, generation, user index, live index
 * ARGV     id, user key, 'secret' | 'any', hash of the secret, thousandths
 * Returns  { 'valid' | 'touched', fields } | { 'absent' }
 * Cost     O(1), 2 commands; a touch O(log sessions of the bucket), 12 more
 */
export const SESSION_TOUCH = defineScript<SessionKeys, TouchArguments, unknown>({
  name: 'session-touch',
  mode: 'write',
  bytes: true,
  lua: `${LOAD}${ENLIST}${FOUND}
local fields = load(KEYS[1], redis.call('GET', KEYS[2]))
if not fields or (fields[USER_KEY] or '') ~= arg(2) then return { 'absent' } end
if arg(3) ~= 'any' and fields[HASH] ~= arg(4) then return { 'absent' } end
local ttl = tonumber(fields[TTL])
if (now - tonumber(fields[SEEN])) * 1000 < ttl * tonumber(arg(5)) then return found('valid', fields) end
local expires = now + ttl
fields[SEEN], fields[EXPIRES] = whole(now), whole(expires)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('HSET', KEYS[1], 'seen', fields[SEEN], 'expires', fields[EXPIRES])
if fields[GENERATION] then
  outlive(KEYS[2], ttl)
  enlist(KEYS[3], arg(1), expires, ttl)
end
enlist(KEYS[4], arg(1), expires, ttl)
return found('touched', fields)
`,
  keys: sessionKeys,
  args: ({ id, userKey, secretHash, touchPermille }) => [
    id,
    userKey,
    secretHash === undefined ? 'any' : 'secret',
    secretHash ?? '',
    touchPermille,
  ],
  decode: (reply) => reply,
});

import type { StoredSession } from '../../session.driver.js';

/** The keys of one session; all in one slot. */
export interface SessionKeys {
  readonly session: string;
  readonly generation: string;
  readonly index: string;
  readonly live: string;
}

/** KEYS[1..4] of every script that is about one session. */
export function sessionKeys(keys: SessionKeys): readonly string[] {
  return [keys.session, keys.generation, keys.index, keys.live];
}

/**
 * Shared by the session scripts. `load(session, generation)` gives the fields of a session that is
 * live, else nil: its time is not over, and it carries the generation that its user has now.
 * Sessions of `put` have no user and no generation.
 *
 * A user's generation is random. Without it no session of the user is valid, so removing it revokes
 * them all at once, and losing it to an accident can revoke but never revive.
 */
export const LOAD = `
local USER, USER_KEY, HASH, GENERATION, CREATED, SEEN, EXPIRES, TTL, VERSION, ORIGIN, DATA =
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local function whole(number) return string.format('%.0f', number) end
local function load(session, generation)
  local fields = redis.call('HMGET', session, 'user', 'userKey', 'hash', 'generation', 'created',
    'seen', 'expires', 'ttl', 'version', 'origin', 'data')
  if not fields[EXPIRES] or tonumber(fields[EXPIRES]) <= now then return nil end
  if fields[GENERATION] and fields[GENERATION] ~= generation then return nil end
  return fields
end
`;

/**
 * `enlist(zset, id, expires, ttl)` enters a session and forgets those whose time is over, each
 * once; `outlive(key, ttl)` makes a key live at least that long; `found(tag, fields)` is a reply.
 */
export const ENLIST = `
local function outlive(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end
local function enlist(zset, id, expires, ttl)
  redis.call('ZREMRANGEBYSCORE', zset, '-inf', whole(now))
  redis.call('ZADD', zset, whole(expires), id)
  outlive(zset, ttl)
end
`;

export const FOUND = `
local function found(tag, fields)
  return { tag, fields[USER], fields[HASH], fields[CREATED], fields[SEEN], fields[EXPIRES],
    fields[TTL], fields[VERSION], fields[ORIGIN], fields[DATA] }
end
`;

/** The first word of a reply. */
export function tagOf(reply: unknown): string {
  return Array.isArray(reply) ? String(reply[0]) : String(reply);
}

/** The session in a reply of `found`. Replies are asked for as bytes. */
export function decodeFound(id: string, reply: unknown): StoredSession {
  const [, user, hash, created, seen, expires, ttl, version, origin, data] =
    reply as readonly (Buffer | null)[];
  return {
    id,
    userId: textOf(user),
    secretHash: textOf(hash),
    createdAtMs: Number(created),
    lastSeenAtMs: Number(seen),
    expiresAtMs: Number(expires),
    ttlMs: Number(ttl),
    version: String(version),
    origin: origin ?? Buffer.alloc(0),
    data: data ?? Buffer.alloc(0),
  };
}

function textOf(field: Buffer | null | undefined): string | undefined {
  return field?.toString();
}

import { defineScript } from '../../../../common/redis/index.js';
import { FOUND, LOAD, type SessionKeys, sessionKeys } from './session-record.lua.js';

interface UpdateArguments {
  readonly expected: string;
  readonly version: string;
  readonly data: Buffer;
}

/**
 * Replaces the data of a live session, if its version is the expected one.
 *
 * KEYS     session, generation, user index, live index
 * ARGV     expected version, new version, data
 * Returns  { 'updated' | 'conflict', fields } | { 'absent' }
 * Cost     O(1), 3 commands
 */
export const SESSION_UPDATE = defineScript<SessionKeys, UpdateArguments, unknown>({
  name: 'session-update',
  mode: 'write',
  bytes: true,
  lua: `${LOAD}${FOUND}
local fields = load(KEYS[1], redis.call('GET', KEYS[2]))
if not fields then return { 'absent' } end
if fields[VERSION] ~= arg(1) then return found('conflict', fields) end
fields[VERSION], fields[DATA] = arg(2), arg(3)
redis.call('HSET', KEYS[1], 'version', fields[VERSION], 'data', fields[DATA])
return found('updated', fields)
`,
  keys: sessionKeys,
  args: ({ expected, version, data }) => [expected, version, data],
  decode: (reply) => reply,
});

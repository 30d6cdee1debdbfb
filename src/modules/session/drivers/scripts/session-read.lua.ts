import { defineScript } from '../../../../common/redis/index.js';
import { FOUND, LOAD } from './session-record.lua.js';

interface ReadKeys {
  readonly generation: string;
  readonly sessions: readonly string[];
}

/**
 * Reads sessions of one user, or one of nobody.
 *
 * KEYS     generation, then the sessions
 * Returns  for each session { 'found', fields } | { 'absent' }
 * Cost     O(sessions), 1 command each
 */
export const SESSION_READ = defineScript<ReadKeys, undefined, readonly unknown[]>({
  name: 'session-read',
  mode: 'read',
  bytes: true,
  lua: `${LOAD}${FOUND}
local generation = redis.call('GET', KEYS[1])
local reply = {}
for i = 2, #KEYS do
  local fields = load(KEYS[i], generation)
  reply[#reply + 1] = fields and found('found', fields) or { 'absent' }
end
return reply
`,
  keys: ({ generation, sessions }) => [generation, ...sessions],
  args: () => [],
  decode: (reply) => reply as readonly unknown[],
});

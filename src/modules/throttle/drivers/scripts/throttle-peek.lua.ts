import { defineScript } from '../../../../common/redis/index.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';
import {
  decodeOutcome,
  hitArguments,
  keysOf,
  type ScriptHit,
  type ScriptOutcome,
} from './throttle-reply.js';

/**
 * What `throttle-consume` would say. Counts nothing; hits that have left their window are dropped.
 *
 * KEYS, ARGV and reply as in `throttle-consume`
 */
export const PEEK = defineScript<ScriptHit, ScriptHit, ScriptOutcome>({
  name: 'throttle-peek',
  mode: 'read',
  lua: `${THROTTLE_COUNTERS}
local cost = tonumber(arg(1))
local reply = { 1, now }
for i = 1, #KEYS do
  local c = read(i, cost)
  if c.retry > 0 then reply[1] = 0 end
  reply[i * 3] = math.max(0, c.remaining)
  reply[i * 3 + 1] = c.reset
  reply[i * 3 + 2] = c.retry
end
return reply
`,
  keys: keysOf,
  args: hitArguments,
  decode: decodeOutcome,
});

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
 * Checks all policies, then counts the hit under all of them or under none; once where policies
 * share a counter.
 *
 * KEYS[i]  counter of policy i; all in one slot
 * ARGV     cost, then for each policy: strategy (`f` | `s` | `c` | `b`), limit, window in ms, burst
 * Returns  { 1 allowed | 0 denied, server time, for each policy: remaining, reset ms, retry ms }
 * Cost     O(policies + cost in a sliding window), and O(1) amortised for each hit that leaves one
 */
export const CONSUME = defineScript<ScriptHit, ScriptHit, ScriptOutcome>({
  name: 'throttle-consume',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local cost = tonumber(arg(1))
local counters, verdict = {}, 1
for i = 1, #KEYS do
  counters[i] = read(i, cost)
  if counters[i].retry > 0 then verdict = 0 end
end
local reply, stored = { verdict, now }, {}
for i, c in ipairs(counters) do
  if verdict == 1 then
    c.strategy.count(c)
    c.retry = 0
    if not stored[c.key] then
      c.strategy.store(c)
      stored[c.key] = true
    end
  end
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

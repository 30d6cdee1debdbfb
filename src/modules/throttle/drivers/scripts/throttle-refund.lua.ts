import { defineScript } from '../../../../common/redis/index.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';
import { hitArguments, keysOf, type ScriptHit } from './throttle-reply.js';

export interface ScriptRefund extends ScriptHit {
  /** Server time of the hit, as `throttle-consume` told it. */
  readonly at: number;
}

/**
 * Takes a counted hit back, where it still counts; once where policies share a counter.
 *
 * KEYS[i]  counter of policy i; all in one slot
 * ARGV     as in `throttle-consume`, then the server time of the hit
 * Returns  for how many counters it still counted
 * Cost     O(policies), in a sliding window O(hits that came after it)
 */
export const REFUND = defineScript<ScriptHit, ScriptRefund, number>({
  name: 'throttle-refund',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local cost, at = tonumber(arg(1)), tonumber(arg(#KEYS * 4 + 2))
local refunded, seen = 0, {}
-- The clock was set back since: what stands under later times now is not this hit.
if at > now then return 0 end
for i = 1, #KEYS do
  if not seen[KEYS[i]] then
    seen[KEYS[i]] = true
    local c = read(i, cost)
    refunded = refunded + c.strategy.refund(c, at)
  end
end
return refunded
`,
  keys: keysOf,
  args: (refund) => [...hitArguments(refund), refund.at],
  decode: Number,
});

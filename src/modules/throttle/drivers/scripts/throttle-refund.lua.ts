import { defineScript } from '../../../../common/redis/index.js';
import type { PackedChecks } from './script-checks.js';
import { throttleCounters } from './throttle-counters.lua.js';

/**
 * Takes counted hits back, where they still count; once where checks have the same counter. Nothing
 * where that cannot be read: something else took the place of the hit.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the plan, of one hit, each check with the server time that `throttle-consume` told
 * Returns  for how many counters it still counted
 * Cost     O(checks), in a sliding window O(hits that came after it)
 */
export const REFUND = defineScript<PackedChecks, PackedChecks, number>({
  name: 'throttle-refund',
  mode: 'write',
  lua: `${throttleCounters()}
local refunded, seen = 0, {}
for _, c in ipairs(checks_of(plan.hits[1])) do
  -- Else the clock was set back since: what stands under later times now is not this hit.
  if not seen[c.key] and c.at <= now then
    seen[c.key] = true
    if is_readable(c, open) and change(c.counter, 'refund', c.cost, c.at) then
      refunded = refunded + 1
    end
  end
end
save_counters()
return refunded
`,
  keys: ({ keys }) => keys,
  args: ({ plan }) => [plan],
  decode: Number,
});

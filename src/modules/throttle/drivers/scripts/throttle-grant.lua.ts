import { defineScript } from '../../../../common/redis/index.js';
import type { PackedChecks } from './script-checks.js';
import { throttleCounters } from './throttle-counters.lua.js';

/**
 * Takes the latest hits of each counter back, as many as `cost`; once where checks have the same
 * counter.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the plan, of one hit
 * Returns  0, or the place of the first check whose counter cannot be read: the others were granted
 * Cost     O(checks + cost in a sliding window)
 */
export const GRANT = defineScript<PackedChecks, PackedChecks, number | undefined>({
  name: 'throttle-grant',
  mode: 'write',
  lua: `${throttleCounters()}
local seen, foreign = {}, 0
for place, c in ipairs(checks_of(plan.hits[1])) do
  if not seen[c.key] then
    seen[c.key] = true
    if is_readable(c, open) then
      change(c.counter, 'grant', c.cost)
    elseif foreign == 0 then
      foreign = place
    end
  end
end
save_counters()
return foreign
`,
  keys: ({ keys }) => keys,
  args: ({ plan }) => [plan],
  decode: (place) => (Number(place) > 0 ? Number(place) - 1 : undefined),
});

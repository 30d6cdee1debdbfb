import { defineScript } from '../../../../common/redis/index.js';
import { checkArguments, keysOf, type ScriptCheck } from './script-checks.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';

interface Counted extends ScriptCheck {
  /** Server time of the hit, as `throttle-consume` told it. */
  readonly at: number;
}

/**
 * Takes counted hits back, where they still count; once where checks have the same counter. Nothing
 * where that cannot be read: something else took the place of the hit.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     for each: the check, the server time of its hit
 * Returns  for how many counters it still counted
 * Cost     O(checks), in a sliding window O(hits that came after it)
 */
export const REFUND = defineScript<readonly Counted[], readonly Counted[], number>({
  name: 'throttle-refund',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local refunded, seen = 0, {}
while keys_taken < #KEYS do
  local c = take_check()
  local at = take_number()
  -- Else the clock was set back since: what stands under later times now is not this hit.
  if not seen[c.key] and at <= now then
    seen[c.key] = true
    if is_readable(c, c.strategy.read) then refunded = refunded + c.strategy.refund(c, at) end
  end
end
return refunded
`,
  keys: keysOf,
  args: (counted) => counted.flatMap((check) => [...checkArguments(check), check.at]),
  decode: Number,
});

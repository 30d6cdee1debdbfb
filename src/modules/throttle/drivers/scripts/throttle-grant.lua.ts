import { defineScript } from '../../../../common/redis/index.js';
import { checkArguments, keysOf, type ScriptCheck } from './script-checks.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';

/**
 * Takes the latest hits of each counter back, as many as `cost`; once where checks have the same
 * counter.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the checks
 * Returns  1
 * Cost     O(checks + cost in a sliding window)
 */
export const GRANT = defineScript<readonly ScriptCheck[], readonly ScriptCheck[], number>({
  name: 'throttle-grant',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local seen = {}
while keys_taken < #KEYS do
  local c = take_check()
  if not seen[c.key] then
    seen[c.key] = true
    c.strategy.read(c)
    c.strategy.grant(c)
  end
end
return 1
`,
  keys: keysOf,
  args: (checks) => checks.flatMap(checkArguments),
  decode: Number,
});

import { defineScript } from '../../../../common/redis/index.js';
import { checkArguments, keysOf, type ScriptCheck } from './script-checks.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';

/**
 * Takes the latest hits of each counter back, as many as `cost`; once where checks have the same
 * counter.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the checks
 * Returns  0, or the place of the first check whose counter cannot be read: the others were granted
 * Cost     O(checks + cost in a sliding window)
 */
export const GRANT = defineScript<
  readonly ScriptCheck[],
  readonly ScriptCheck[],
  number | undefined
>({
  name: 'throttle-grant',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local seen, place, foreign = {}, 0, 0
while keys_taken < #KEYS do
  local c = take_check()
  place = place + 1
  if not seen[c.key] then
    seen[c.key] = true
    if is_readable(c, c.strategy.read) then
      c.strategy.grant(c)
    elseif foreign == 0 then
      foreign = place
    end
  end
end
return foreign
`,
  keys: keysOf,
  args: (checks) => checks.flatMap(checkArguments),
  decode: (place) => (Number(place) > 0 ? Number(place) - 1 : undefined),
});

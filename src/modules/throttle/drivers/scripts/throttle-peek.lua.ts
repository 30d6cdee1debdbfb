import { defineScript } from '../../../../common/redis/index.js';
import { checkArguments, keysOf, type ScriptCheck } from './script-checks.js';
import { decodeOutcomes, type ScriptOutcome } from './script-outcome.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';

/**
 * What `throttle-consume` would say to one hit. Counts nothing; hits that have left their window
 * are dropped.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the checks
 * Returns  as `throttle-consume`
 */
export const PEEK = defineScript<
  readonly ScriptCheck[],
  readonly ScriptCheck[],
  readonly ScriptOutcome[]
>({
  name: 'throttle-peek',
  mode: 'read',
  lua: `${THROTTLE_COUNTERS}
local checks, allowed = {}, true
while keys_taken < #KEYS do
  local c = read(take_check())
  checks[#checks + 1] = c
  if c.retry > 0 then allowed = false end
end
answer(allowed, checks)
return reply
`,
  keys: keysOf,
  args: (checks) => checks.flatMap(checkArguments),
  decode: decodeOutcomes,
});

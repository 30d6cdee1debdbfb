import { defineScript } from '../../../../common/redis/index.js';
import { checkArguments, keysOf, type ScriptCheck } from './script-checks.js';
import { decodeOutcomes, type ScriptAnswer } from './script-outcome.js';
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
  readonly ScriptAnswer[]
>({
  name: 'throttle-peek',
  mode: 'read',
  lua: `${THROTTLE_COUNTERS}
local checks = {}
while keys_taken < #KEYS do checks[#checks + 1] = take_check() end
local allowed, foreign = judge(checks)
if foreign then answer_foreign(foreign) else answer(allowed, checks) end
return reply
`,
  keys: keysOf,
  args: (checks) => checks.flatMap(checkArguments),
  decode: decodeOutcomes,
});

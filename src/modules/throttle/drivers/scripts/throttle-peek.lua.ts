import { defineScript } from '../../../../common/redis/index.js';
import type { PackedChecks } from './script-checks.js';
import { decodeOutcomes, type ScriptAnswer } from './script-outcome.js';
import { throttleCounters } from './throttle-counters.lua.js';

/**
 * What `throttle-consume` would say to one hit. Counts nothing; hits that have left their window
 * are dropped.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the plan, of one hit
 * Returns  as `throttle-consume`
 */
export const PEEK = defineScript<PackedChecks, PackedChecks, readonly ScriptAnswer[]>({
  name: 'throttle-peek',
  mode: 'read',
  lua: `${throttleCounters()}
local checks = checks_of(plan.hits[1])
local allowed, foreign = judge_all(checks)
if foreign then answer_foreign(foreign) else answer(allowed, checks) end
save_counters()
return all_answers()
`,
  keys: ({ keys }) => keys,
  args: ({ plan }) => [plan],
  decode: decodeOutcomes,
});

import { defineScript } from '../../../../common/redis/index.js';
import type { PackedChecks } from './script-checks.js';
import { decodeOutcomes, type ScriptAnswer } from './script-outcome.js';
import { THROTTLE_COUNTERS } from './throttle-counters.lua.js';

/**
 * Several hits, one after the other. Each is counted under all of its checks or under none; once
 * where checks have the same counter. One with a counter that cannot be read is counted under none,
 * and the others are decided as if it had not come.
 *
 * KEYS     of the checks; all in one slot
 * ARGV     the plan
 * Returns  JSON: [server time, for each hit: 1 allowed | 0 denied, number of checks, for each check:
 *          remaining, reset ms, retry ms; or for a hit 2, place of the check that cannot be read]
 * Cost     O(checks + cost in a sliding window), and O(1) amortised for each hit that leaves one
 */
export const CONSUME = defineScript<PackedChecks, PackedChecks, readonly ScriptAnswer[]>({
  name: 'throttle-consume',
  mode: 'write',
  lua: `${THROTTLE_COUNTERS}
local function count(checks)
  local costs = {}
  for _, c in ipairs(checks) do
    local is_shared = costs[c.key] ~= nil
    c.cost = costs[c.key] or c.cost
    costs[c.key] = c.cost
    c.strategy.count(c)
    c.retry = 0
    if not is_shared then c.strategy.store(c) end
  end
end

local function punish(checks)
  local punished = {}
  for _, c in ipairs(checks) do
    if c.block_key and c.retry > 0 and c.blocked == 0 and not punished[c.key] then
      punished[c.key] = true
      if c.penalty > 0 then c.strategy.punish(c) end
      block_longer(c)
    end
  end
  if next(punished) then
    for _, c in ipairs(checks) do read(c) end
  end
end

for _, hit in ipairs(plan.hits) do
  local checks = checks_of(hit)
  local allowed, foreign = judge(checks)
  if foreign then
    answer_foreign(foreign)
  else
    if allowed then count(checks) else punish(checks) end
    answer(allowed, checks)
  end
end
return all_answers()
`,
  keys: ({ keys }) => keys,
  args: ({ plan }) => [plan],
  decode: decodeOutcomes,
});

import { defineScript, type RedisScript } from '../../../../common/redis/index.js';
import type { PackedChecks } from './script-checks.js';
import { decodeOutcomes, type ScriptAnswer } from './script-outcome.js';
import { type StrategyKind, throttleCounters } from './throttle-counters.lua.js';

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
 *
 * @param kinds the strategies of all the checks, sorted
 */
export function consumeScript(kinds: readonly StrategyKind[]): ConsumeScript {
  const name = `throttle-consume-${kinds.join('')}`;
  const known = scripts.get(name);
  if (known !== undefined) return known;
  const script = defineScript<PackedChecks, PackedChecks, readonly ScriptAnswer[]>({
    name,
    mode: 'write',
    lua: `${throttleCounters(kinds)}${CONSUME}`,
    keys: ({ keys }) => keys,
    args: ({ plan }) => [plan],
    decode: decodeOutcomes,
  });
  scripts.set(name, script);
  return script;
}

type ConsumeScript = RedisScript<PackedChecks, PackedChecks, readonly ScriptAnswer[]>;

/** One for each set of strategies that came in one call: 15 at most. */
const scripts = new Map<string, ConsumeScript>();

const CONSUME = `
local function count(checks)
  local counted = {}
  for _, c in ipairs(checks) do
    if not counted[c.counter] then
      counted[c.counter] = true
      change(c.counter, 'add', c.cost)
    end
  end
  -- As they stand now, with nothing more to ask for.
  for _, c in ipairs(checks) do
    c.strategy.judge(c, c.counter, 0)
    c.retry = 0
  end
end

local function punish(checks)
  local punished = {}
  for _, c in ipairs(checks) do
    if c.block_key and c.retry > 0 and c.blocked == 0 and not punished[c.counter] then
      punished[c.counter] = true
      if c.penalty > 0 then change(c.counter, 'punish', c) end
      block_longer(c)
    end
  end
  if next(punished) then
    for _, c in ipairs(checks) do judge(c) end
  end
end

for _, hit in ipairs(plan.hits) do
  local checks = checks_of(hit)
  local allowed, foreign = judge_all(checks)
  if foreign then
    answer_foreign(foreign)
  else
    if allowed then count(checks) else punish(checks) end
    answer(allowed, checks)
  end
end
save_counters()
return all_answers()
`;

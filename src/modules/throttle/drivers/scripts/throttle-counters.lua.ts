import { COUNTER_VALUES } from './counter-values.lua.js';
import { FIXED_WINDOW } from './fixed-window.lua.js';
import { SLIDING_WINDOW } from './sliding-window.lua.js';
import { SLIDING_WINDOW_COUNTER } from './sliding-window-counter.lua.js';
import { BLOCKS } from './throttle-blocks.lua.js';
import { TOKEN_BUCKET } from './token-bucket.lua.js';

const STRATEGIES = {
  b: { table: 'bucket', lua: TOKEN_BUCKET },
  c: { table: 'counter', lua: SLIDING_WINDOW_COUNTER },
  f: { table: 'fixed', lua: FIXED_WINDOW },
  s: { table: 'sliding', lua: SLIDING_WINDOW },
} as const;

/** A strategy as the scripts call it. */
export type StrategyKind = keyof typeof STRATEGIES;

const ALL_KINDS: readonly StrategyKind[] = ['b', 'c', 'f', 's'];

/**
 * Shared by the throttle scripts.
 *
 * ARGV[1] is a plan in JSON: `policies`, and for each of `hits` its checks, which are lists of the
 * places of counter and policy, the cost, the place of the block in KEYS or 0, and the time of a hit
 * that is taken back. A policy has `strategy` (`f` | `s` | `c` | `b`), `limit`, `window` in ms,
 * `burst`, `penalty`, `shortest` and `longest` block in ms, and whether a block `clears` the hits.
 *
 * A counter `k` is read once in a call, changed by one hit after the other, and written at the end.
 * A strategy is functions over it, and over a check `c` with its policy:
 * - `empty` makes it one without hits, `load` reads what is stored; it raises `FOREIGN` where that is
 *   not what the strategy writes
 * - `judge` leaves `remaining`, `reset` and `retry` of a hit of that cost in the check
 * - `add` counts hits; `punish` counts the penalty, as far as there is room under the limit
 * - `grant` takes the latest hits back, `refund` those made at a time; true if they still counted
 * - `save` writes it, and leaves no key where nothing counts
 *
 * A server clock that was set back must not lock anybody out for longer than a window: times that
 * lie in the future are replaced by now, once, so that the wait gets shorter from then on.
 *
 * @param kinds those the plans may have: whatever is defined costs time in every call
 */
export function throttleCounters(kinds = ALL_KINDS): string {
  const chosen = kinds.map((kind) => ({ kind, ...STRATEGIES[kind] }));
  const tables = chosen.map(({ kind, table }) => `${kind} = ${table}`).join(', ');
  return `${COUNTER_VALUES}${chosen.map(({ lua }) => lua).join('')}
local strategies = { ${tables} }
${COUNTERS}`;
}

const COUNTERS = `
local plan = cjson.decode(arg(1))
local counters = {}

-- Checks have the fields of their policy.
for _, policy in ipairs(plan.policies) do
  policy.strategy = strategies[policy.strategy]
  policy.__index = policy
end

local function checks_of(hit)
  local checks = {}
  for i, entry in ipairs(hit) do
    local c = { key = KEYS[entry[1]], cost = entry[3], block_key = KEYS[entry[4]], at = entry[5] }
    checks[i] = setmetatable(c, plan.policies[entry[2]])
  end
  return checks
end

local function save(k)
  if k.is_changed then k.strategy.save(k) end
  k.is_changed = false
end

local function save_counters()
  for _, k in pairs(counters) do save(k) end
end

local function change(k, how, ...)
  local result = k.strategy[how](k, ...)
  if result ~= false then k.is_changed = true end
  return result
end

local function clear(k)
  redis.call('DEL', k.key)
  k.strategy.empty(k)
  k.is_changed = false
end

-- What a counter has stored is read by its window, and that of a bucket by its limit as well.
local function is_read_alike(k, c)
  return k.window == c.window and (k.limit == c.limit or not k.strategy.is_by_limit)
end

local function open(c)
  local k = counters[c.key]
  if k and not is_read_alike(k, c) then
    save(k)
    k = nil
  end
  if not k then
    k = { key = c.key, strategy = c.strategy, window = c.window, limit = c.limit }
    k.strategy.empty(k)
    k.strategy.load(k)
    counters[c.key] = k
  end
  c.counter = k
end
${BLOCKS}
local function judge(c)
  c.strategy.judge(c, c.counter, c.cost)
  if c.block_key then read_block(c) end
end

local function open_and_judge(c)
  open(c)
  judge(c)
end

local function is_readable(c, with)
  local is_ours, problem = pcall(with, c)
  if is_ours or is_foreign(problem) then return is_ours end
  -- Again, and now it ends the script as the server said it: caught, it has lost its form.
  with(c)
  return true
end

-- Whether all allow a hit; or no answer, and the place of the first that cannot be read.
local function judge_all(checks)
  local allowed = true
  for i, c in ipairs(checks) do
    if not is_readable(c, open_and_judge) then return nil, i end
    if c.retry > 0 then allowed = false end
  end
  return allowed
end

local replies = { string.format('%.0f', now) }

local function answer_foreign(place)
  replies[#replies + 1] = '2,' .. place
end

local function answer(allowed, checks)
  replies[#replies + 1] = (allowed and '1,' or '0,') .. #checks
  for _, c in ipairs(checks) do
    local remaining = math.max(0, c.remaining)
    replies[#replies + 1] = string.format('%.0f,%.0f,%.0f', remaining, c.reset, c.retry)
  end
end

-- One text: a client takes a list apart number by number.
local function all_answers()
  return '[' .. table.concat(replies, ',') .. ']'
end
`;

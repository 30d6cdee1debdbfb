import { COUNTER_VALUES } from './counter-values.lua.js';
import { FIXED_WINDOW } from './fixed-window.lua.js';
import { SLIDING_WINDOW } from './sliding-window.lua.js';
import { SLIDING_WINDOW_COUNTER } from './sliding-window-counter.lua.js';
import { BLOCKS } from './throttle-blocks.lua.js';
import { TOKEN_BUCKET } from './token-bucket.lua.js';

/**
 * Shared by the throttle scripts.
 *
 * ARGV[1] is a plan in JSON: `policies`, and for each of `hits` its checks, which are lists of the
 * places of counter and policy, the cost, the place of the block in KEYS or 0, and the time of a hit
 * that is taken back. A policy has `strategy` (`f` | `s` | `c` | `b`), `limit`, `window` in ms,
 * `burst`, `penalty`, `shortest` and `longest` block in ms, and whether a block `clears` the hits.
 *
 * A strategy is functions over a check `c`:
 * - `read` leaves `remaining`, `reset` and `retry`; it raises `FOREIGN` where the key holds what the
 *   strategy does not write, and the others are not called then
 * - `count` adds the cost to what was read, `store` writes it
 * - `punish` adds the penalty, as far as there is room under the limit, and writes it
 * - `grant` takes the latest hits back, as many as `cost`, and writes it
 * - `refund` takes a hit made at `at` back, and returns 1 if it still counted
 *
 * A server clock that was set back must not lock anybody out for longer than a window: times that
 * lie in the future are replaced by now, once, so that the wait gets shorter from then on.
 */
export const THROTTLE_COUNTERS = `${COUNTER_VALUES}${FIXED_WINDOW}${SLIDING_WINDOW}${SLIDING_WINDOW_COUNTER}${TOKEN_BUCKET}${BLOCKS}
local strategies = { f = fixed, s = sliding, c = counter, b = bucket }
local plan = cjson.decode(arg(1))

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

local function read(c)
  c.strategy.read(c)
  if c.block_key then read_block(c) end
end

local function is_readable(c, with)
  local is_ours, problem = pcall(with, c)
  if is_ours or problem == FOREIGN then return is_ours end
  -- Again, and now it ends the script as the server said it: caught, it has lost its form.
  with(c)
  return true
end

-- Whether all allow a hit; or no answer, and the place of the first that cannot be read.
local function judge(checks)
  local allowed = true
  for i, c in ipairs(checks) do
    if not is_readable(c, read) then return nil, i end
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

import { COUNTER_VALUES } from './counter-values.lua.js';
import { FIXED_WINDOW } from './fixed-window.lua.js';
import { SLIDING_WINDOW } from './sliding-window.lua.js';
import { SLIDING_WINDOW_COUNTER } from './sliding-window-counter.lua.js';
import { BLOCKS } from './throttle-blocks.lua.js';
import { TOKEN_BUCKET } from './token-bucket.lua.js';

/**
 * Shared by the throttle scripts.
 *
 * A check takes from KEYS its counter, and from ARGV its strategy (`f` | `s` | `c` | `b`), limit,
 * window in ms, burst and cost. Where the strategy ends in `+`, it takes the key of the block as
 * well, and penalty, shortest and longest block in ms, and 1 where a block forgets the hits.
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
local arguments_taken, keys_taken = 0, 0

local function take()
  arguments_taken = arguments_taken + 1
  return arg(arguments_taken)
end

local function take_number() return tonumber(take()) end

local function take_key()
  keys_taken = keys_taken + 1
  return KEYS[keys_taken]
end

local function take_check()
  local kind = take()
  local c = {
    key = take_key(),
    strategy = strategies[string.sub(kind, 1, 1)],
    limit = take_number(),
    window = take_number(),
    burst = take_number(),
    cost = take_number(),
  }
  if #kind > 1 then
    c.block_key = take_key()
    c.penalty, c.shortest, c.longest = take_number(), take_number(), take_number()
    c.clears = take_number() == 1
  end
  return c
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

local reply = { now }

local function answer_foreign(place)
  local size = #reply
  reply[size + 1], reply[size + 2] = 2, place
end

local function answer(allowed, checks)
  local size = #reply
  reply[size + 1], reply[size + 2] = allowed and 1 or 0, #checks
  size = size + 2
  for _, c in ipairs(checks) do
    reply[size + 1], reply[size + 2], reply[size + 3] = math.max(0, c.remaining), c.reset, c.retry
    size = size + 3
  end
end
`;

import { FIXED_WINDOW } from './fixed-window.lua.js';
import { SLIDING_WINDOW } from './sliding-window.lua.js';
import { SLIDING_WINDOW_COUNTER } from './sliding-window-counter.lua.js';
import { TOKEN_BUCKET } from './token-bucket.lua.js';

/**
 * Shared by the throttle scripts. Defines `read(i, cost)`: counter i as its strategy reads it.
 *
 * A server clock that was set back must not lock anybody out for longer than a window: times that
 * lie in the future are replaced by now, once, so that the wait gets shorter from then on.
 */
export const THROTTLE_COUNTERS = `${FIXED_WINDOW}${SLIDING_WINDOW}${SLIDING_WINDOW_COUNTER}${TOKEN_BUCKET}
local strategies = { f = fixed, s = sliding, c = counter, b = bucket }

local function read(i, cost)
  local c = {
    key = KEYS[i],
    strategy = strategies[arg(i * 4 - 2)],
    limit = tonumber(arg(i * 4 - 1)),
    window = tonumber(arg(i * 4)),
    burst = tonumber(arg(i * 4 + 1)),
    cost = cost,
  }
  c.strategy.read(c)
  return c
end
`;

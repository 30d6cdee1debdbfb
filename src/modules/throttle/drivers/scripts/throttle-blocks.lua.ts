/**
 * Blocks of the throttle scripts: who went over a limit is held off for a time that doubles with
 * every block, until a pause as long as the last block, and as the window, has passed without one.
 * Where the check `clears`, its hits are forgotten with it.
 *
 * Stores "until:length:level". `level` is how many there were in a row.
 */
export const BLOCKS = `
local HIGHEST_LEVEL = 50

local function store_block(c, length, level)
  local value = string.format('%.0f:%.0f:%d', now + length, length, level)
  redis.call('SET', c.block_key, value, 'PX', length + math.max(length, c.window))
end

local function read_block(c)
  c.blocked, c.level = 0, 0
  local raw = text_of(c.block_key)
  if not raw then return end
  local till, length, level = string.match(raw, '^(%d+):(%d+):(%d+)$')
  till, length, level = whole(till), whole(length), whole(level)
  if now >= till + math.max(length, c.window) then return end
  c.level = level
  if till - now > length then store_block(c, length, c.level) end
  c.blocked = math.max(0, math.min(till - now, length))
  if c.blocked == 0 then return end
  c.remaining = 0
  c.reset = math.max(c.reset, c.blocked)
  c.retry = math.max(c.retry, c.blocked)
end

local function block_longer(c)
  if c.shortest == 0 then return end
  local length = math.min(c.longest, c.shortest * 2 ^ c.level)
  store_block(c, length, math.min(c.level + 1, HIGHEST_LEVEL))
  if c.clears then clear(c.counter) end
end
`;

/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Stores "start:used". The window opens with its first hit.
 */
export const FIXED_WINDOW = `
local fixed = {}

local function judge_fixed(c)
  local rest = c.start + c.window - now
  c.remaining = c.limit - c.used
  c.reset = c.used > 0 and rest or 0
  c.retry = c.used + c.cost > c.limit and rest or 0
end

function fixed.store(c)
  local rest = c.start + c.window - now
  redis.call('SET', c.key, string.format('%.0f:%.0f', c.start, c.used), 'PX', rest)
end

function fixed.read(c)
  c.start, c.used = now, 0
  local raw = text_of(c.key)
  if raw then
    local start, used = string.match(raw, '^(%d+):(%d+)$')
    start, used = whole(start), whole(used)
    if now < start + c.window then c.start, c.used = math.min(start, now), used end
    if start > now then fixed.store(c) end
  end
  judge_fixed(c)
end

function fixed.count(c)
  c.used = c.used + c.cost
  judge_fixed(c)
end

function fixed.punish(c)
  c.used = math.max(c.used, math.min(c.limit, c.used + c.penalty))
  fixed.store(c)
end

function fixed.grant(c)
  c.used = math.max(0, c.used - c.cost)
  if c.used > 0 then fixed.store(c) else redis.call('DEL', c.key) end
end

function fixed.refund(c, at)
  if c.used == 0 or at < c.start or at >= c.start + c.window then return 0 end
  fixed.grant(c)
  return 1
end
`;

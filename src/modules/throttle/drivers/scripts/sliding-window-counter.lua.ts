/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Stores "start:previous:current": what was used in this window, and in the one before, of which as
 * many hits count as if they had been spread evenly: those in the part that the window ending now
 * still overlaps, rounded down.
 */
export const SLIDING_WINDOW_COUNTER = `
local counter = {}

local function wait_counter(c, target)
  local rest, free = c.start + c.window - now, c.limit - target - c.current
  if free >= 0 then
    if c.previous == 0 then return 0 end
    return math.max(0, rest - math.floor(((free + 1) * c.window - 1) / c.previous))
  end
  local overlap = math.floor(((c.limit - target + 1) * c.window - 1) / c.current)
  return rest + math.max(0, c.window - overlap)
end

local function judge_counter(c)
  local overlap = c.start + c.window - now
  c.remaining = c.limit - c.current - math.floor(c.previous * overlap / c.window)
  local used = c.remaining < c.limit
  c.reset = used and wait_counter(c, math.max(0, c.remaining) + 1) or 0
  c.retry = c.cost > c.remaining and wait_counter(c, c.cost) or 0
end

function counter.store(c)
  local state = string.format('%.0f:%.0f:%.0f', c.start, c.previous, c.current)
  redis.call('SET', c.key, state, 'PX', c.start + 2 * c.window - now)
end

function counter.read(c)
  c.start, c.previous, c.current = now, 0, 0
  local raw = text_of(c.key)
  if raw then
    local start, previous, current = string.match(raw, '^(%d+):(%d+):(%d+)$')
    start, previous, current = whole(start), whole(previous), whole(current)
    if now < start + c.window then
      c.start, c.previous, c.current = math.min(start, now), previous, current
      if start > now then counter.store(c) end
    elseif now < start + 2 * c.window and current > 0 then
      c.start, c.previous = start + c.window, current
    end
  end
  judge_counter(c)
end

function counter.count(c)
  c.current = c.current + c.cost
  judge_counter(c)
end

function counter.punish(c)
  c.current = math.max(c.current, math.min(c.limit, c.current + c.penalty))
  counter.store(c)
end

local function take_back(c, from_previous, from_current)
  c.previous = math.max(0, c.previous - from_previous)
  c.current = math.max(0, c.current - from_current)
  if c.previous + c.current > 0 then counter.store(c) else redis.call('DEL', c.key) end
end

function counter.grant(c)
  take_back(c, math.max(0, c.cost - c.current), c.cost)
end

function counter.refund(c, at)
  if at >= c.start and c.current > 0 then
    take_back(c, 0, c.cost)
  elseif at < c.start and at >= c.start - c.window and c.previous > 0 then
    take_back(c, c.cost, 0)
  else
    return 0
  end
  return 1
end
`;

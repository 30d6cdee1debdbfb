/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Stores "start:previous:current": what was used in this window, and in the one before, of which as
 * many hits count as if they had been spread evenly: those in the part that the window ending now
 * still overlaps, rounded down.
 */
export const SLIDING_WINDOW_COUNTER = `
local counter = {}

function counter.empty(k)
  k.start, k.previous, k.current = now, 0, 0
end

function counter.load(k)
  local raw = text_of(k.key)
  if not raw then return end
  local start, previous, current = string.match(raw, '^(%d+):(%d+):(%d+)$')
  start, previous, current = whole(start), whole(previous), whole(current)
  if now < start + k.window then
    k.start, k.previous, k.current = math.min(start, now), previous, current
    k.is_changed = start > now
  elseif now < start + 2 * k.window and current > 0 then
    k.start, k.previous = start + k.window, current
  end
end

function counter.save(k)
  if k.previous + k.current == 0 then return redis.call('DEL', k.key) end
  local state = string.format('%.0f:%.0f:%.0f', k.start, k.previous, k.current)
  redis.call('SET', k.key, state, 'PX', k.start + 2 * k.window - now)
end

local function wait_counter(c, k, target)
  local rest, free = k.start + k.window - now, c.limit - target - k.current
  if free >= 0 then
    if k.previous == 0 then return 0 end
    return math.max(0, rest - math.floor(((free + 1) * k.window - 1) / k.previous))
  end
  local overlap = math.floor(((c.limit - target + 1) * k.window - 1) / k.current)
  return rest + math.max(0, k.window - overlap)
end

function counter.judge(c, k, cost)
  local overlap = k.start + k.window - now
  c.remaining = c.limit - k.current - math.floor(k.previous * overlap / k.window)
  local used = c.remaining < c.limit
  c.reset = used and wait_counter(c, k, math.max(0, c.remaining) + 1) or 0
  c.retry = cost > c.remaining and wait_counter(c, k, cost) or 0
end

function counter.add(k, hits)
  k.current = k.current + hits
end

function counter.punish(k, c)
  k.current = math.max(k.current, math.min(c.limit, k.current + c.penalty))
end

function counter.grant(k, hits)
  k.previous = math.max(0, k.previous - math.max(0, hits - k.current))
  k.current = math.max(0, k.current - hits)
end

function counter.refund(k, hits, at)
  if at >= k.start and k.current > 0 then
    k.current = math.max(0, k.current - hits)
  elseif at < k.start and at >= k.start - k.window and k.previous > 0 then
    k.previous = math.max(0, k.previous - hits)
  else
    return false
  end
  return true
end
`;

/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Keeps a list with the time of every counted hit of the last window, oldest first: exact, about 10
 * bytes a hit.
 */
export const SLIDING_WINDOW = `
local sliding = {}

local function clamp_future(c)
  local hits = redis.call('LRANGE', c.key, 0, -1)
  for i, hit in ipairs(hits) do hits[i] = string.format('%.0f', math.min(whole(hit), now)) end
  redis.call('DEL', c.key)
  for _, hit in ipairs(hits) do redis.call('RPUSH', c.key, hit) end
  redis.call('PEXPIRE', c.key, c.window)
end

local function drop_expired(key, horizon)
  local first = redis.call('LINDEX', key, 0)
  while first and whole(first) <= horizon do
    local stale = 0
    for _, hit in ipairs(redis.call('LRANGE', key, 0, 99)) do
      if whole(hit) > horizon then break end
      stale = stale + 1
    end
    redis.call('LPOP', key, stale)
    first = redis.call('LINDEX', key, 0)
  end
  return first and whole(first) or now
end

local function rest_of(c, index)
  local hit = index == 0 and c.start or whole(redis.call('LINDEX', c.key, index))
  return hit + c.window - now
end

function sliding.read(c)
  c.start, c.used, c.remaining, c.reset, c.retry = now, 0, c.limit, 0, 0
  local newest = newest_of(c.key)
  if not newest then return end
  if whole(newest) > now then clamp_future(c) end
  c.start = drop_expired(c.key, now - c.window)
  c.used = redis.call('LLEN', c.key)
  if c.used == 0 then return end
  c.remaining = c.limit - c.used
  c.reset = rest_of(c, math.max(0, c.used - c.limit))
  if c.used + c.cost > c.limit then c.retry = rest_of(c, c.used + c.cost - c.limit - 1) end
end

function sliding.count(c)
  c.used = c.used + c.cost
  c.remaining = c.limit - c.used
  c.reset = c.start + c.window - now
end

local function push_hits(c, count)
  local hit, left = string.format('%.0f', now), count
  while left > 0 do
    local hits = {}
    for i = 1, math.min(left, 1000) do hits[i] = hit end
    redis.call('RPUSH', c.key, unpack(hits))
    left = left - #hits
  end
  redis.call('PEXPIRE', c.key, c.window)
end

function sliding.store(c)
  push_hits(c, c.cost)
end

function sliding.punish(c)
  local most = math.max(c.used, c.limit)
  push_hits(c, math.min(c.penalty, most))
  redis.call('LTRIM', c.key, -most, -1)
end

function sliding.grant(c)
  redis.call('RPOP', c.key, c.cost)
end

function sliding.refund(c, at)
  return redis.call('LREM', c.key, -c.cost, string.format('%.0f', at)) > 0 and 1 or 0
end
`;

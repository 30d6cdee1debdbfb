/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Keeps a list with the time of every counted hit of the last window, oldest first: exact, about 10
 * bytes a hit. `stored` hits are in it, `added` ones, made now, are put there at the end.
 */
export const SLIDING_WINDOW = `
local sliding = {}

function sliding.empty(k)
  k.start, k.stored, k.added = now, 0, 0
end

local function clamp_future(k)
  local hits = redis.call('LRANGE', k.key, 0, -1)
  for i, hit in ipairs(hits) do hits[i] = string.format('%.0f', math.min(whole(hit), now)) end
  redis.call('DEL', k.key)
  for _, hit in ipairs(hits) do redis.call('RPUSH', k.key, hit) end
  redis.call('PEXPIRE', k.key, k.window)
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

function sliding.load(k)
  local newest = newest_of(k.key)
  if not newest then return end
  if whole(newest) > now then clamp_future(k) end
  k.start = drop_expired(k.key, now - k.window)
  k.stored = redis.call('LLEN', k.key)
end

function sliding.save(k)
  if k.added == 0 then return end
  local hit = string.format('%.0f', now)
  while k.added > 0 do
    local hits = {}
    for i = 1, math.min(k.added, 1000) do hits[i] = hit end
    redis.call('RPUSH', k.key, unpack(hits))
    k.stored, k.added = k.stored + #hits, k.added - #hits
  end
  redis.call('PEXPIRE', k.key, k.window)
end

-- Of a hit in the middle of the list; one that is no time counts as made now.
local function time_at(k, index)
  return math.min(now, tonumber(redis.call('LINDEX', k.key, index)) or now)
end

local function rest_of(k, index)
  local hit = now
  if index == 0 then hit = k.start elseif index < k.stored then hit = time_at(k, index) end
  return hit + k.window - now
end

function sliding.judge(c, k, cost)
  local used = k.stored + k.added
  c.remaining, c.reset, c.retry = c.limit - used, 0, 0
  if used == 0 then return end
  c.reset = rest_of(k, math.max(0, used - c.limit))
  if used + cost > c.limit then c.retry = rest_of(k, used + cost - c.limit - 1) end
end

function sliding.add(k, hits)
  k.added = k.added + hits
end

function sliding.punish(k, c)
  local most = math.max(k.stored + k.added, c.limit)
  k.added = k.added + math.min(c.penalty, most)
  sliding.save(k)
  redis.call('LTRIM', k.key, -most, -1)
  k.start, k.stored = time_at(k, 0), math.min(k.stored, most)
end

function sliding.grant(k, hits)
  redis.call('RPOP', k.key, hits)
end

function sliding.refund(k, hits, at)
  return redis.call('LREM', k.key, -hits, string.format('%.0f', at)) > 0
end
`;

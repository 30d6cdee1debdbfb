/**
 * One strategy of the throttle scripts: functions over a counter `c` with `key`, `limit`, `window`,
 * `burst` and `cost`. `read` leaves `remaining`, `reset` and `retry`; `count` adds the cost to what
 * was read; `store` writes it; `refund` takes a hit made at `at` back, and returns 1 if it still
 * counted.
 *
 * Stores "full:part": when the bucket will be full again, in ms and 1/limit ms: the one number of
 * the generic cell rate algorithm (ITU-T I.371, theoretical arrival time). `debt` is what is
 * missing, in units of 1/window tokens: `limit` of them come back each ms. A refund gives back what
 * of the hit has not come back by itself, counting as if nothing else had been missing: never too
 * much.
 */
export const TOKEN_BUCKET = `
local bucket = {}

local function judge_bucket(c)
  local free = c.burst * c.window - c.debt
  c.remaining = math.floor(free / c.window)
  c.reset = c.debt > 0 and math.ceil(((c.remaining + 1) * c.window - free) / c.limit) or 0
  c.retry = math.max(0, math.ceil((c.cost * c.window - free) / c.limit))
end

function bucket.store(c)
  local ms = math.floor(c.debt / c.limit)
  local state = string.format('%.0f:%.0f', now + ms, c.debt - ms * c.limit)
  redis.call('SET', c.key, state, 'PX', math.ceil(c.debt / c.limit))
end

function bucket.read(c)
  c.debt = 0
  local raw = redis.call('GET', c.key)
  if raw then
    local full, part = string.match(raw, '^(%d+):(%d+)$')
    c.debt = math.max(0, (tonumber(full) - now) * c.limit + tonumber(part))
    if c.debt > c.burst * c.window then
      c.debt = c.burst * c.window
      bucket.store(c)
    end
  end
  judge_bucket(c)
end

function bucket.count(c)
  c.debt = c.debt + c.cost * c.window
  judge_bucket(c)
end

function bucket.refund(c, at)
  local back = math.min(c.debt, c.cost * c.window - math.max(0, now - at) * c.limit)
  if back <= 0 then return 0 end
  c.debt = c.debt - back
  if c.debt > 0 then bucket.store(c) else redis.call('DEL', c.key) end
  return 1
end
`;

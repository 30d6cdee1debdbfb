/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Stores "full:part:at": when the bucket will be full again, in ms and 1/limit ms: the one number of
 * the generic cell rate algorithm (ITU-T I.371, theoretical arrival time); and when it said so, by
 * which a clock that was set back is noticed. `debt` is what is missing, in units of 1/window tokens: `limit` of them come back each ms. A refund gives back what
 * of the hit has not come back by itself, counting as if nothing else had been missing: never too
 * much.
 */
export const TOKEN_BUCKET = `
local bucket = {}

local function judge_bucket(c)
  local free = c.burst * c.window - c.debt
  c.remaining = math.floor(free / c.window)
  local next = math.max(0, c.remaining) + 1
  c.reset = c.debt > 0 and math.ceil((next * c.window - free) / c.limit) or 0
  c.retry = math.max(0, math.ceil((c.cost * c.window - free) / c.limit))
end

function bucket.store(c)
  local ms = math.floor(c.debt / c.limit)
  local state = string.format('%.0f:%.0f:%.0f', now + ms, c.debt - ms * c.limit, now)
  redis.call('SET', c.key, state, 'PX', math.ceil(c.debt / c.limit))
end

function bucket.read(c)
  c.debt = 0
  local raw = text_of(c.key)
  if raw then
    local full, part, at = string.match(raw, '^(%d+):(%d+):?(%d*)$')
    full, part = whole(full), whole(part)
    local set_back = at == '' and 0 or math.max(0, whole(at) - now)
    c.debt = math.max(0, (full - set_back - now) * c.limit + part)
    if set_back > 0 and c.debt > 0 then bucket.store(c) end
  end
  judge_bucket(c)
end

function bucket.count(c)
  c.debt = c.debt + c.cost * c.window
  judge_bucket(c)
end

function bucket.punish(c)
  c.debt = math.min(c.burst * c.window, c.debt + c.penalty * c.window)
  bucket.store(c)
end

local function put_back(c, tokens)
  c.debt = math.max(0, c.debt - tokens)
  if c.debt > 0 then bucket.store(c) else redis.call('DEL', c.key) end
end

function bucket.grant(c)
  put_back(c, c.cost * c.window)
end

function bucket.refund(c, at)
  local back = math.min(c.debt, c.cost * c.window - math.max(0, now - at) * c.limit)
  if back <= 0 then return 0 end
  put_back(c, back)
  return 1
end
`;

/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Stores "full:part:at": when the bucket will be full again, in ms and 1/limit ms: the one number of
 * the generic cell rate algorithm (ITU-T I.371, theoretical arrival time); and when it said so, by
 * which a clock that was set back is noticed. `debt` is what is missing, in units of 1/window tokens:
 * `limit` of them come back each ms. A refund gives back what of the hit has not come back by itself,
 * counting as if nothing else had been missing: never too much.
 */
export const TOKEN_BUCKET = `
local bucket = { is_by_limit = true }

function bucket.empty(k)
  k.debt = 0
end

function bucket.load(k)
  local raw = text_of(k.key)
  if not raw then return end
  local full, part, at = string.match(raw, '^(%d+):(%d+):?(%d*)$')
  full, part = whole(full), whole(part)
  local set_back = at == '' and 0 or math.max(0, whole(at) - now)
  k.debt = math.max(0, (full - set_back - now) * k.limit + part)
  k.is_changed = set_back > 0
end

function bucket.save(k)
  if k.debt == 0 then return redis.call('DEL', k.key) end
  local ms = math.floor(k.debt / k.limit)
  local state = string.format('%.0f:%.0f:%.0f', now + ms, k.debt - ms * k.limit, now)
  redis.call('SET', k.key, state, 'PX', math.ceil(k.debt / k.limit))
end

function bucket.judge(c, k, cost)
  local free = c.burst * c.window - k.debt
  c.remaining = math.floor(free / c.window)
  local next = math.max(0, c.remaining) + 1
  c.reset = k.debt > 0 and math.ceil((next * c.window - free) / c.limit) or 0
  c.retry = math.max(0, math.ceil((cost * c.window - free) / c.limit))
end

function bucket.add(k, hits)
  k.debt = k.debt + hits * k.window
end

function bucket.punish(k, c)
  k.debt = math.min(c.burst * c.window, k.debt + c.penalty * c.window)
end

function bucket.grant(k, hits)
  k.debt = math.max(0, k.debt - hits * k.window)
end

function bucket.refund(k, hits, at)
  local back = math.min(k.debt, hits * k.window - math.max(0, now - at) * k.limit)
  if back <= 0 then return false end
  k.debt = k.debt - back
  return true
end
`;

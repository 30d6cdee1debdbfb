/**
 * One strategy of the throttle scripts, see `throttle-counters`.
 *
 * Stores "start:used". The window opens with its first hit.
 */
export const FIXED_WINDOW = `
local fixed = {}

function fixed.empty(k)
  k.start, k.used = now, 0
end

function fixed.load(k)
  local raw = text_of(k.key)
  if not raw then return end
  local start, used = string.match(raw, '^(%d+):(%d+)$')
  start, used = whole(start), whole(used)
  if now >= start + k.window then return end
  k.start, k.used = math.min(start, now), used
  k.is_changed = start > now
end

function fixed.save(k)
  if k.used == 0 then return redis.call('DEL', k.key) end
  local rest = k.start + k.window - now
  redis.call('SET', k.key, string.format('%.0f:%.0f', k.start, k.used), 'PX', rest)
end

function fixed.judge(c, k, cost)
  local rest = k.start + k.window - now
  c.remaining = c.limit - k.used
  c.reset = k.used > 0 and rest or 0
  c.retry = k.used + cost > c.limit and rest or 0
end

function fixed.add(k, hits)
  k.used = k.used + hits
end

function fixed.punish(k, c)
  k.used = math.max(k.used, math.min(c.limit, k.used + c.penalty))
end

function fixed.grant(k, hits)
  k.used = math.max(0, k.used - hits)
end

function fixed.refund(k, hits, at)
  if k.used == 0 or at < k.start or at >= k.start + k.window then return false end
  fixed.grant(k, hits)
  return true
end
`;

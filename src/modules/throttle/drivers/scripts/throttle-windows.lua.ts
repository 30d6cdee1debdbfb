/**
 * Shared by the throttle scripts. Defines `read(i)`: the state of policy i as
 * `{ key, strategy, limit, window, start, used, retry, reset }`, all times in whole ms.
 *
 * `fixed` keeps "start:count". `sliding` keeps a list with the time of every counted hit of the last
 * window, oldest first: exact, about 10 bytes a hit.
 *
 * A server clock that was set back must not lock anybody out for longer than a window: times that lie
 * in the future are replaced by now, once, so that the wait gets shorter from then on.
 */
export const READ_WINDOWS = `
local function read_fixed(policy)
  local raw = redis.call('GET', policy.key)
  policy.start, policy.used = now, 0
  if raw then
    local start, used = string.match(raw, '^(%d+):(%d+)$')
    start = tonumber(start)
    if start > now then
      start = now
      redis.call('SET', policy.key, string.format('%.0f:%s', now, used), 'PX', policy.window)
    end
    if now < start + policy.window then policy.start, policy.used = start, tonumber(used) end
  end
  local rest = policy.start + policy.window - now
  policy.reset = policy.used > 0 and rest or 0
  policy.retry = policy.used >= policy.limit and rest or 0
end

local function clamp_future(policy)
  local hits = redis.call('LRANGE', policy.key, 0, -1)
  redis.call('DEL', policy.key)
  for _, hit in ipairs(hits) do
    redis.call('RPUSH', policy.key, string.format('%.0f', math.min(tonumber(hit), now)))
  end
  redis.call('PEXPIRE', policy.key, policy.window)
end

local function drop_expired(key, horizon)
  local first = redis.call('LINDEX', key, 0)
  while first and tonumber(first) <= horizon do
    local stale = 0
    for _, hit in ipairs(redis.call('LRANGE', key, 0, 99)) do
      if tonumber(hit) > horizon then break end
      stale = stale + 1
    end
    redis.call('LPOP', key, stale)
    first = redis.call('LINDEX', key, 0)
  end
  return tonumber(first or now)
end

local function read_sliding(policy)
  local newest = redis.call('LINDEX', policy.key, -1)
  policy.start, policy.used, policy.reset, policy.retry = now, 0, 0, 0
  if not newest then return end
  if tonumber(newest) > now then clamp_future(policy) end
  policy.start = drop_expired(policy.key, now - policy.window)
  policy.used = redis.call('LLEN', policy.key)
  if policy.used == 0 then return end
  policy.reset = policy.start + policy.window - now
  if policy.used >= policy.limit then
    local blocking = redis.call('LINDEX', policy.key, policy.used - policy.limit)
    policy.retry = tonumber(blocking) + policy.window - now
    policy.reset = policy.retry
  end
end

local function read(i)
  local policy = {
    key = KEYS[i],
    strategy = arg(i * 3 - 2),
    limit = tonumber(arg(i * 3 - 1)),
    window = tonumber(arg(i * 3)),
  }
  if policy.strategy == 'fixed' then read_fixed(policy) else read_sliding(policy) end
  return policy
end
`;

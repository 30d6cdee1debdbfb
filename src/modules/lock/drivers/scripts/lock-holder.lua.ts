import { SHOWN_WAITERS } from '../lock-rules.js';

/**
 * Defines `queued()`: who waits, in order. A server clock that was set back shows nobody as waiting for
 * less than no time.
 */
export const QUEUED = `
local function queued()
  local found, shown = redis.call('ZRANGE', KEYS[3], 0, ${SHOWN_WAITERS - 1}, 'WITHSCORES'), {}
  for i = 1, #found, 2 do
    local claim = redis.call('HGET', KEYS[4], found[i])
    local waited = math.max(0, now - math.floor(tonumber(found[i + 1]) / 1000))
    shown[#shown + 1] = { found[i], claim and cjson.decode(claim)[1] or '', waited }
  end
  return shown
end
`;

/**
 * Shared by the lock scripts that show a lock; keys as in `lock-inspect`. Defines `holder()`: what
 * `decodeHolder` reads. A server clock that was set back shows nobody as holding for less than no time.
 */
export const HOLDER = `${QUEUED}
local function holder()
  local found = redis.call('HMGET', KEYS[1], 'token', 'owner', 'since', 'fence')
  if not found[1] then return {} end
  local held = math.max(0, now - tonumber(found[3]))
  return { found[1], found[2], held, redis.call('PTTL', KEYS[1]), found[4] or '', queued() }
end
`;

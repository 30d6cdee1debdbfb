import { ADMITTED_AT_ONCE, CLAIM_MS, DROPPED_AT_ONCE } from '../lock-rules.js';
import { FENCE } from './lock-fence.lua.js';
import { FIRST_WAITER } from './lock-queue.lua.js';

/**
 * Shared by the scripts of semaphores. `holders` has the tokens that hold permits by the time at which
 * their hold ends, `permits` what each took (`:<token>`), whose a fence is (`=<fence>`), and how many
 * are in use; both live as long as the last hold. As no key of a plain lock is a sorted set, nothing can be both.
 *
 * Defines `drop(holders, permits, token)`: ends a hold; `keep(holders, permits)`: gives both keys the
 * life of the last hold; `in_use(holders, permits)`: drops holds whose time is over, and returns how many
 * permits are in use, and of how many: 0 and nil where nobody holds any; more than there can be and nil
 * where what was known of that is lost; and `renew(holders, permits, token, ttl)`: makes a hold last at
 * least `ttl` ms, never shorter than it would, and returns how long.
 */
export const PERMITS = `
-- Of one call, whatever it asks.
local drops_left = ${DROPPED_AT_ONCE}
local function keep(holders, permits)
  local last = redis.call('ZRANGE', holders, -1, -1, 'WITHSCORES')[2]
  if not last then return redis.call('DEL', permits) end
  local life = math.max(1, tonumber(last) - now)
  redis.call('PEXPIRE', holders, life)
  redis.call('PEXPIRE', permits, life)
end
local function drop(holders, permits, token)
  local found = redis.call('HGET', permits, ':' .. token)
  redis.call('ZREM', holders, token)
  if not found then return end
  local held = cjson.decode(found)
  redis.call('HDEL', permits, ':' .. token, '=' .. held[4])
  redis.call('HINCRBY', permits, 'used', -held[2])
end
local function in_use(holders, permits)
  local over = redis.call('ZRANGE', holders, '-inf', now, 'BYSCORE', 'LIMIT', 0, drops_left)
  drops_left = drops_left - #over
  for _, token in ipairs(over) do drop(holders, permits, token) end
  if redis.call('EXISTS', holders) == 1 then
    local known = redis.call('HMGET', permits, 'used', 'of')
    if not known[2] then return math.huge, nil end
    return tonumber(known[1]), tonumber(known[2])
  end
  redis.call('DEL', permits)
  return 0
end
local function renew(holders, permits, token, ttl)
  local ends = math.max(tonumber(redis.call('ZSCORE', holders, token)), now + ttl)
  redis.call('ZADD', holders, string.format('%.0f', ends), token)
  keep(holders, permits)
  return ends - now
end
`;

/**
 * For the scripts that grant permits; after `PERMITS`. Keys at KEYS[k] to KEYS[k + 4]: holders, latest
 * fence, queue, waiters, permits. A claim: owner, time to live in ms, least fence or '', channel of its
 * process, permits to take, and of how many.
 *
 * Defines `grant(k, token, claim, life)`: makes `token` a holder for `life` ms and returns its fence, or
 * ''; and `admit(k, own)`: grants permits to the first of the queue whose processes live, one after the
 * other, until one does not fit, and returns of each that the answer of the script tells (`own`: its
 * token, or the channel of its process) token, time to live and fence. The others have to confirm within
 * the claim time, as in `hand_over`.
 *
 * How many permits there are is what the holders have; where nobody holds any, what the first of the
 * queue wants. Whoever waits for anything else keeps its place until it asks, and is told then.
 */
export const ADMIT = `${FIRST_WAITER}
-- Of one call, whatever it asks.
local admissions_left = ${ADMITTED_AT_ONCE}
local function grant(k, token, claim, life)
  local fences, fence, ttl, least = KEYS[k + 1], '', claim[2], tonumber(claim[3])
  if least then ${FENCE} end
  local taken = cjson.encode({ claim[1], claim[5], now, fence })
  redis.call('ZADD', KEYS[k], string.format('%.0f', now + life), token)
  redis.call('HSET', KEYS[k + 4], ':' .. token, taken, 'of', claim[6])
  if fence ~= '' then redis.call('HSET', KEYS[k + 4], '=' .. fence, token) end
  redis.call('HINCRBY', KEYS[k + 4], 'used', claim[5])
  keep(KEYS[k], KEYS[k + 4])
  return fence
end
local function admit(k, own)
  local told, used, of = {}, in_use(KEYS[k], KEYS[k + 4])
  while admissions_left > 0 do
    local token, claim = first_waiter(k)
    if not token or not claim[6] then break end
    of = of or claim[6]
    if claim[6] ~= of or used + claim[5] > of then break end
    admissions_left = admissions_left - 1
    leave(k, token)
    local mine = own == token or own == claim[4]
    local life = mine and claim[2] or math.min(claim[2], ${CLAIM_MS})
    local fence = grant(k, token, claim, life)
    used = used + claim[5]
    if mine then
      told[#told + 1], told[#told + 2], told[#told + 3] = token, life, fence
    else
      redis.pcall('PUBLISH', claim[4], token)
    end
  end
  return told
end
`;

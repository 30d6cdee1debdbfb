import { CLAIM_MS, QUEUE_LIFE_MS } from '../lock-rules.js';

/**
 * Shared by the scripts that serve who waits. Keys at KEYS[k + 2] and KEYS[k + 3]: queue, waiters.
 *
 * Defines `first_waiter(k)`: token and claim of the first of the queue whose process was heard of
 * lately; those before it are left out, they enter themselves again should they live. One that lives is
 * never left out, whatever kind of lock it waits for: claim[6] is of how many permits, nil of a plain
 * lock; who cannot give it that leaves it to ask for itself. And `leave(k, token)`.
 */
export const FIRST_WAITER = `
local function leave(k, token)
  local found = redis.call('ZREM', KEYS[k + 2], token)
  redis.call('HDEL', KEYS[k + 3], token)
  return found == 1
end
local function first_waiter(k)
  local queue, waiters = KEYS[k + 2], KEYS[k + 3]
  local token = redis.call('ZRANGE', queue, 0, 0)[1]
  while token do
    local found = redis.call('HGET', waiters, token)
    local claim = found and cjson.decode(found)
    local heard = claim and redis.call('HGET', waiters, claim[4])
    local lives = heard and math.abs(now - tonumber(heard)) < ${CLAIM_MS}
    if lives then return token, claim end
    leave(k, token)
    if heard then redis.call('HDEL', waiters, claim[4]) end
    token = redis.call('ZRANGE', queue, 0, 0)[1]
  end
  redis.call('DEL', waiters)
end
`;

/**
 * Defines `enter(k, token, process, arrival, claim)`: puts a claim in its place in the queue, says that
 * its process lives, and returns the place.
 */
export const ENTER = `
local function enter(k, token, process, arrival, claim)
  local queue, waiters = KEYS[k + 2], KEYS[k + 3]
  local place = redis.call('ZSCORE', queue, token) or arrival
  if place == '' then
    local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
    local micros = now * 1000 + tonumber(time[2]) % 1000
    place = last and math.max(micros, tonumber(last) + 1) or micros
  end
  place = string.format('%.0f', tonumber(place))
  redis.call('ZADD', queue, place, token)
  redis.call('HSET', waiters, token, claim, process, string.format('%.0f', now))
  redis.call('PEXPIRE', queue, ${QUEUE_LIFE_MS})
  redis.call('PEXPIRE', waiters, ${QUEUE_LIFE_MS})
  return place
end
`;

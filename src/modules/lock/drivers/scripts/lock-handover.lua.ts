import { CLAIM_MS } from '../lock-rules.js';

/**
 * Shared by the lock scripts that free a lock, or find it free; after `GRANT`. Keys of the
 * lock at KEYS[k] to KEYS[k + 3]: lock, latest fence, queue, waiters.
 *
 * Defines `hand_over(k, own)`: gives a free lock to the first of its queue whose process was heard of
 * lately; others are left out, they enter themselves again should they live.
 *
 * A holder that the answer of the script tells (`own`: its token, or the channel of its process) gets
 * its whole time to live; returned are its token, that time, and its fence or ''. Everybody else has
 * to confirm within a short claim time, and is told by a message; then nothing is returned. A user
 * that may not publish loses the message only: who waits also asks.
 */
export const HANDOVER = `
local function hand_over(k, own)
  local queue, waiters = KEYS[k + 2], KEYS[k + 3]
  local token = redis.call('ZRANGE', queue, 0, 0)[1]
  while token do
    local found = redis.call('HGET', waiters, token)
    redis.call('ZREM', queue, token)
    redis.call('HDEL', waiters, token)
    local claim = found and cjson.decode(found)
    local heard = claim and redis.call('HGET', waiters, claim[4])
    if heard and math.abs(now - tonumber(heard)) < ${CLAIM_MS} then
      local mine = own == token or own == claim[4]
      local life = mine and claim[2] or math.min(claim[2], ${CLAIM_MS})
      local fence = grant(KEYS[k], KEYS[k + 1], token, claim, life)
      if mine then return token, life, fence end
      redis.pcall('PUBLISH', claim[4], token)
      return
    end
    if heard then redis.call('HDEL', waiters, claim[4]) end
    token = redis.call('ZRANGE', queue, 0, 0)[1]
  end
  redis.call('DEL', waiters)
end
`;

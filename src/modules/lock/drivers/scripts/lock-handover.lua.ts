import { CLAIM_MS } from '../lock-rules.js';
import { FIRST_WAITER } from './lock-queue.lua.js';

/**
 * Shared by the lock scripts that free a lock, or find it free; after `GRANT`. Keys of the
 * lock at KEYS[k] to KEYS[k + 3]: lock, latest fence, queue, waiters.
 *
 * Defines `hand_over(k, own)`: gives a free lock to the first of its queue whose process lives; to
 * nobody where that one waits for permits of the same key.
 *
 * A holder that the answer of the script tells (`own`: its token, or the channel of its process) gets
 * its whole time to live; returned are its token, that time, and its fence or ''. Everybody else has
 * to confirm within a short claim time, and is told by a message; then nothing is returned. A user
 * that may not publish loses the message only: who waits also asks.
 */
export const HANDOVER = `${FIRST_WAITER}
local function hand_over(k, own)
  local token, claim = first_waiter(k)
  -- Permits are for the scripts of semaphores to give: it gets them when it asks.
  if not token or claim[6] then return end
  leave(k, token)
  local mine = own == token or own == claim[4]
  local life = mine and claim[2] or math.min(claim[2], ${CLAIM_MS})
  local fence = grant(KEYS[k], KEYS[k + 1], token, claim, life)
  if mine then return token, life, fence end
  redis.pcall('PUBLISH', claim[4], token)
end
`;

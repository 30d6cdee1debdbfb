import { FENCE } from './lock-fence.lua.js';

/**
 * Shared by the lock scripts that grant several locks, or to others. Defines `grant(lock, fences,
 * token, claim, life)`: makes `token` the holder for `life` ms and returns its fence, or ''. `claim`:
 * owner, time to live in ms, least fence or '', least time to hold in ms.
 */
export const GRANT = `
local function grant(lock, fences, token, claim, life)
  local fence, ttl, least = '', claim[2], tonumber(claim[3])
  if least then ${FENCE} end
  local since = string.format('%.0f', now)
  redis.call('HSET', lock, 'token', token, 'owner', claim[1], 'since', since, 'fence', fence, 'keep', claim[4])
  redis.call('PEXPIRE', lock, life)
  return fence
end
`;

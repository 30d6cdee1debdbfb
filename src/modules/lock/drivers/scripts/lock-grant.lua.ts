import { FENCE } from './lock-fence.lua.js';

/**
 * Shared by the lock scripts that grant several locks, or to others. Defines `grant(lock, fences,
 * token, claim, life)`: makes `token` the holder for `life` ms and returns its fence, or ''. `claim`:
 * owner, time to live in ms, least fence or ''.
 */
export const GRANT = `
local function grant(lock, fences, token, claim, life)
  local fence, ttl, least = '', claim[2], tonumber(claim[3])
  if least then ${FENCE} end
  redis.call('HSET', lock, 'token', token, 'owner', claim[1], 'since', now, 'fence', fence)
  redis.call('PEXPIRE', lock, life)
  return fence
end
`;

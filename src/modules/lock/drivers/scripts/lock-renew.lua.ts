/**
 * Shared by the lock scripts. Defines `renew(lock, ttl)`: makes a hold last at least `ttl` ms and
 * returns how long it lasts. It never gets shorter: a holder that goes by an earlier answer, because
 * a later one was lost, must not believe in more than it has.
 */
export const RENEW = `
local function renew(lock, ttl)
  local rest = redis.call('PTTL', lock)
  if rest >= ttl then return rest end
  redis.call('PEXPIRE', lock, ttl)
  return ttl
end
`;

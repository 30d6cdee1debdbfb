/**
 * Shared by the lock scripts. Defines `renew(lock, ttl)`: makes a hold last at least `ttl` ms and
 * returns how long it lasts. It never gets shorter: a holder that goes by an earlier answer, because
 * a later one was lost, must not believe in more than it has. It is written in any case: whoever
 * waits for replicas waits for the latest write of the connection.
 */
export const RENEW = `
local function renew(lock, ttl)
  local rest = math.max(redis.call('PTTL', lock), ttl)
  redis.call('PEXPIRE', lock, rest)
  return rest
end
`;

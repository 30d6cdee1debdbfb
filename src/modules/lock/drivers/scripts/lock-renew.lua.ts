/**
 * Shared by the lock scripts. Defines `renew(ttl)`: makes the hold of KEYS[1] last at least `ttl`
 * ms and returns how long it lasts. It never gets shorter: a holder that goes by an earlier answer,
 * because a later one was lost, must not believe in more than it has.
 */
export const RENEW = `
local function renew(ttl)
  local rest = redis.call('PTTL', KEYS[1])
  if rest >= ttl then return rest end
  redis.call('PEXPIRE', KEYS[1], ttl)
  return ttl
end
`;

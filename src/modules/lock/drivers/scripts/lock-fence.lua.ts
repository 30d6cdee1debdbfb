/** How long the latest fence is remembered after its hold, in ms. */
const REMEMBERED_MS = 86_400_000;

/**
 * Shared by the lock scripts that grant. Defines `next_fence(key, least, ttl)`: a number greater
 * than every one that it gave for the key before, and at least `least`.
 *
 * It is the time in µs, or one more than the latest where that is not less. So it does not go back
 * where the key is lost, nor in a failover that takes longer than the clocks of the servers differ.
 * Whole numbers up to 2^53, which is the year 2255.
 */
export const FENCE = `
local function next_fence(key, least, ttl)
  local micros = now * 1000 + tonumber(time[2]) % 1000
  local fence, life = math.max(micros, least), ${REMEMBERED_MS} + ttl
  local latest = redis.call('SET', key, string.format('%.0f', fence), 'PX', life, 'GET')
  if not latest or tonumber(latest) < fence then return string.format('%.0f', fence) end
  local following = string.format('%.0f', tonumber(latest) + 1)
  redis.call('SET', key, following, 'PX', life)
  return following
end
`;

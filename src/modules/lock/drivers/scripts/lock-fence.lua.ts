/** How long the latest fence is remembered after its hold, in ms. */
export const REMEMBERED_MS = 86_400_000;

/**
 * Shared by the lock scripts that grant. Leaves in `fence` a number greater than every one that was
 * given for the key `fences` before, and at least `least`; remembered for longer than `ttl` ms.
 *
 * It is the time in µs, or one more than the latest where that is not less. So it does not go back
 * where the key is lost, nor in a failover that takes longer than the clocks of the servers differ.
 * Whole numbers up to 2^53, which is the year 2255;
 * as text, because clients may read the last of them as others.
 */
export const FENCE = `
local life = ${REMEMBERED_MS} + ttl
local micros = math.max(now * 1000 + tonumber(time[2]) % 1000, least)
fence = micros
local latest = redis.call('SET', fences, fence, 'PX', life, 'GET')
if latest and tonumber(latest) >= micros then
  fence = tonumber(latest) + 1
  redis.call('SET', fences, fence, 'PX', life)
end
fence = string.format('%.0f', fence)
`;

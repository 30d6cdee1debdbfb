/**
 * Runs commands for the holder of a fence, unless somebody with a greater one was there before.
 *
 * KEYS[1]  greatest fence so far
 * KEYS     all that the commands touch
 * ARGV     fence, ms for which it is remembered, commands as JSON: [[name, argument, …], …]
 * Returns  'written' | 'stale'
 */
export const FENCED_WRITE = `
local seen = redis.call('GET', KEYS[1])
if seen and tonumber(seen) > tonumber(ARGV[1]) then return 'stale' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for _, command in ipairs(cjson.decode(ARGV[3])) do redis.call(unpack(command)) end
return 'written'
`;

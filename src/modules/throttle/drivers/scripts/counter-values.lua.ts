/**
 * Shared by the throttle scripts: reads what is stored under a key, and gives up where that is not
 * what they write. Whoever reads has to catch `FOREIGN`, which is raised before anything was changed
 * but for what a counter drops or puts right by itself. Any other error is one of the server's, and
 * goes on.
 *
 * The longest time and the largest count have 16 digits: more would be no whole numbers.
 */
export const COUNTER_VALUES = `
-- A text: a table that nobody catches crashes servers.
local FOREIGN = 'a counter holds what the limiter did not write'

local function is_foreign(problem)
  local text = type(problem) == 'table' and problem.err or problem
  return string.find(tostring(text), FOREIGN, 1, true) ~= nil
end

local function is_other_type(raw)
  return type(raw) == 'table' and string.find(raw.err, 'WRONGTYPE', 1, true) ~= nil
end

local function text_of(key)
  local raw = redis.pcall('GET', key)
  if is_other_type(raw) then error(FOREIGN, 0) end
  -- Asked again, the server raises what it had to say.
  return type(raw) == 'table' and redis.call('GET', key) or raw
end

local function newest_of(key)
  local raw = redis.pcall('LINDEX', key, -1)
  if is_other_type(raw) then error(FOREIGN, 0) end
  return type(raw) == 'table' and redis.call('LINDEX', key, -1) or raw
end

local function whole(text)
  if not text or #text > 16 or not string.find(text, '^%d+$') then error(FOREIGN, 0) end
  return tonumber(text)
end
`;

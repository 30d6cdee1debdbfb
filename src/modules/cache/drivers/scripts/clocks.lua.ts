import { AT } from '../stored-value.js';

/** How long clocks are kept at least, in ms. */
const CLOCKS_LIFE_MS = 86_400_000;

/**
 * Shared by the scripts that read entries. `marksOf(clocks, value)`: when the slots of the entry were
 * purged, hard and soft in turn; `false` where it has none, or the clocks are kept elsewhere.
 * `value` holds at least the header and the slots.
 */
export const MARKS = `
local function slotCount(value)
  if string.byte(value, 1) ~= 2 or #value < ${AT.slots} then return 0 end
  return string.byte(value, ${AT.slotCount + 1}) * 256 + string.byte(value, ${AT.slotCount + 2})
end
local function marksOf(clocks, value)
  local count = clocks and slotCount(value) or 0
  if count == 0 or #value < ${AT.slots} + 2 * count then return false end
  local fields = {}
  for i = 1, count do
    local at = ${AT.slots - 1} + 2 * i
    local slot = string.byte(value, at) * 256 + string.byte(value, at + 1)
    fields[2 * i - 1] = 'h' .. slot
    fields[2 * i] = 's' .. slot
  end
  return redis.call('HMGET', clocks, unpack(fields))
end
local function everythingMarks(clocks)
  return clocks and redis.call('HMGET', clocks, 'id', 'h0', 's0') or false
end
`;

/**
 * Shared by the scripts that go by the clocks. `wind(clocks, random)` gives their id and epoch, and
 * makes them where there are none, with `random` for the id. `text(epoch)`: as it is stored; Lua's
 * own numbers have 14 digits.
 */
export const WIND = `
local micros = now * 1000 + tonumber(time[2]) % 1000
local function text(epoch) return string.format('%.0f', epoch) end
local function wind(clocks, random)
  local read = redis.call('HMGET', clocks, 'id', 'epoch')
  if read[1] and read[2] then return read[1], tonumber(read[2]) end
  redis.call('HSET', clocks, 'id', random, 'epoch', text(micros))
  redis.call('PEXPIRE', clocks, ${CLOCKS_LIFE_MS})
  return random, micros
end
local function keepFor(clocks, ttl)
  if redis.call('PTTL', clocks) < ttl then
    redis.call('PEXPIRE', clocks, ttl + ${CLOCKS_LIFE_MS})
  end
end
`;

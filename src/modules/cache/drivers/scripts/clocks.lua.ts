import { AT } from '../stored-value.js';
import { MAX_TAGS } from '../tag-slots.js';

/**
 * How long clocks outlive their latest use, and the entries that go by them, at least; in ms. They
 * are given twice as much, so that most uses have nothing to renew.
 */
const CLOCKS_LIFE_MS = 86_400_000;

/**
 * Shared by the scripts that read entries. `marksOf(clocks, value)`: when the slots of the entry were
 * purged, hard and soft in turn; `false` where it has none, or the clocks are kept elsewhere.
 * `value` holds at least the header and the slots, unless it is damaged.
 */
export const MARKS = `
local function slotCount(value)
  if string.byte(value, 1) ~= 2 or #value < ${AT.slots} then return 0 end
  local count = string.byte(value, ${AT.slotCount + 1}) * 256 + string.byte(value, ${AT.slotCount + 2})
  return count <= ${MAX_TAGS} and count or 0
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
 * Shared by the scripts that go by the clocks. `wind(clocks, random, ttl)` gives their id and epoch,
 * makes them where there are none, with `random` for the id, and keeps them for longer than an entry
 * that is to live for `ttl`. `text(epoch)`: as it is stored; Lua's own numbers have 14 digits.
 */
export const WIND = `
local micros = now * 1000 + tonumber(time[2]) % 1000
local function text(epoch) return string.format('%.0f', epoch) end
local function wind(clocks, random, ttl)
  local read = redis.call('HMGET', clocks, 'id', 'epoch')
  local id, epoch = read[1], tonumber(read[2])
  if not id or not epoch then
    id, epoch = random, micros
    redis.call('HSET', clocks, 'id', id, 'epoch', text(epoch))
  end
  if redis.call('PTTL', clocks) < ttl + ${CLOCKS_LIFE_MS} then
    redis.call('PEXPIRE', clocks, ttl + ${2 * CLOCKS_LIFE_MS})
  end
  return id, epoch
end
`;

/**
 * Shared by the scripts that read a whole entry. `textAt(key)`: the value; `false` where there is none,
 * or one of another type, which cannot be ours; a table with any other error.
 */
export const TEXT_AT = `
local function textAt(key)
  local value = redis.pcall('GET', key)
  local isForeign = type(value) == 'table' and string.find(value.err, '^WRONGTYPE')
  return not isForeign and value
end
`;

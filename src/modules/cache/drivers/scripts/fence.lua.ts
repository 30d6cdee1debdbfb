import { AT, ID_BYTES, KIND } from '../stored-value.js';

/**
 * Shared by the scripts that end a load. `fenced(entry, revision)`: the kind of what is there if it
 * is what the load was begun over, else `false`. `isOutdated(clocks, id, epoch, first)`: were the
 * clocks lost since the load began, or everything purged hard, or one of the slots that are given
 * from argument `first` on?
 */
export const FENCE = `
local function fenced(entry, revision)
  local head = redis.pcall('GETRANGE', entry, 0, ${AT.revision + ID_BYTES - 1})
  if type(head) ~= 'string' then return false end
  local kind = string.byte(head, 1)
  if kind ~= ${KIND.marker} and kind ~= ${KIND.entry} then return false end
  return string.sub(head, ${AT.revision + 1}) == revision and kind
end
local function isOutdated(clocks, id, epoch, first)
  local fields = { 'id', 'h0' }
  for i = first, #ARGV - 2 do fields[#fields + 1] = 'h' .. arg(i) end
  local marks = redis.call('HMGET', clocks, unpack(fields))
  if marks[1] ~= id then return true end
  for i = 2, #fields do
    if marks[i] and tonumber(marks[i]) > epoch then return true end
  end
  return false
end
`;

/**
 * Shared by the scripts that tell of what they change. `tell(channel, message)` gives the error with
 * which the server refuses that, else `false`: a user without the channel can change things all the
 * same.
 */
export const TELL = `
local function tell(channel, message)
  if message == '' then return false end
  local reply = redis.pcall('PUBLISH', channel, message)
  return type(reply) == 'table' and reply.err or false
end
`;

/** What `tell` gave, as it arrives. */
export function refusalOf(reply: unknown): string | undefined {
  return reply === null || reply === undefined ? undefined : String(reply);
}

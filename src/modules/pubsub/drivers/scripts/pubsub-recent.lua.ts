import { defineScript } from '../../../../common/redis/index.js';

/** One entry of a stream. */
export interface RecordedEntry {
  /** `<ms>-<sequence>`: the order of the stream. */
  readonly position: string;
  readonly text: string;
}

export interface RecentArguments {
  readonly limit: number;
  readonly historyTtlMs: number;
}

/**
 * The latest events of a stream that are not older than the history TTL. The stream lives as long
 * as it is written to, so the age of an entry is looked at here.
 *
 * KEYS[1]  stream
 * ARGV     limit, history TTL in ms
 * Returns  { position, event, position, event, … }, newest first
 * Cost     O(limit)
 */
export const RECENT = defineScript<string, RecentArguments, readonly RecordedEntry[]>({
  name: 'pubsub-recent',
  mode: 'read',
  lua: `
local oldest = string.format('%.0f', math.max(0, now - tonumber(arg(2)) + 1))
local reply = {}
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', oldest, 'COUNT', arg(1))) do
  reply[#reply + 1] = entry[1]
  reply[#reply + 1] = entry[2][4]
end
return reply
`,
  keys: (stream) => [stream],
  args: ({ limit, historyTtlMs }) => [limit, historyTtlMs],
  decode: (reply) => {
    const flat = reply as readonly string[];
    return flat.flatMap((position, at) =>
      at % 2 === 0 ? [{ position, text: flat[at + 1] ?? '' }] : [],
    );
  },
});

import { defineScript } from '../../../../common/redis/index.js';

/** The streams and the index of a channel; all in the slot of its shard. */
export interface PublishKeys {
  readonly events: string;
  readonly log: string;
  readonly channels: string;
}

export interface PublishArguments {
  /** Name of the Redis channel. */
  readonly wire: string;
  readonly channel: string;
  readonly id: string;
  readonly head: string;
  readonly historySize: number;
  readonly historyTtlMs: number;
  /** An earlier attempt has an unknown outcome: look whether it was recorded. */
  readonly isRetry: boolean;
}

/**
 * Records an event and sends it. Plain PUBLISH reaches the subscribers of every node of a cluster,
 * so the Redis channel, which is no key, needs no slot
 * (https://redis.io/docs/latest/develop/pubsub).
 *
 * KEYS[1]  stream: events of the channel
 * KEYS[2]  stream: events of all channels of the shard
 * KEYS[3]  zset: channels of the shard by the time of their latest event
 * ARGV     Redis channel, channel, event id, JSON up to `publishedAt`, history size, history TTL in ms,
 *          'retry' to send only what is not recorded yet
 * Returns  { 'published' | 'known', time in ms }
 * Cost     O(log channels), 9 commands; a retry reads up to the history size
 */
export const PUBLISH = defineScript<PublishKeys, PublishArguments, number>({
  name: 'pubsub-publish',
  mode: 'write',
  lua: `
local wire, channel, id, size, ttl = arg(1), arg(2), arg(3), arg(5), tonumber(arg(6))
if arg(7) == 'retry' then
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', size)) do
    if entry[2][2] == id then
      return { 'known', tonumber(string.match(entry[1], '^(%d+)')) }
    end
  end
end
local stamp = string.format('%.0f', now)
local event = arg(4) .. ',"publishedAt":' .. stamp .. '}'
for _, stream in ipairs({ KEYS[1], KEYS[2] }) do
  redis.call('XADD', stream, 'MAXLEN', '~', size, '*', 'id', id, 'event', event)
  redis.call('PEXPIRE', stream, ttl)
end
redis.call('ZADD', KEYS[3], stamp, channel)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now - ttl))
redis.call('PEXPIRE', KEYS[3], ttl)
redis.call('PUBLISH', wire, event)
return { 'published', now }
`,
  keys: ({ events, log, channels }) => [events, log, channels],
  args: ({ wire, channel, id, head, historySize, historyTtlMs, isRetry }) => [
    wire,
    channel,
    id,
    head,
    historySize,
    historyTtlMs,
    isRetry ? 'retry' : '',
  ],
  decode: (reply) => Number((reply as readonly unknown[])[1]),
});

import { defineScript } from '../../../../common/redis/index.js';

export interface ChannelsArguments {
  readonly limit: number;
  readonly historyTtlMs: number;
}

/**
 * The channels of a shard with events that are not older than the history TTL.
 *
 * KEYS[1]  zset: channels of the shard by the time of their latest event
 * ARGV     limit, history TTL in ms
 * Returns  { channel, time in ms, channel, time in ms, … }, latest first
 * Cost     O(log channels + limit)
 */
export const CHANNELS = defineScript<
  string,
  ChannelsArguments,
  readonly (readonly [channel: string, lastPublishedAt: number])[]
>({
  name: 'pubsub-channels',
  mode: 'read',
  lua: `
local oldest = string.format('(%.0f', now - tonumber(arg(2)))
return redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', oldest, 'WITHSCORES', 'LIMIT', 0, arg(1))
`,
  keys: (index) => [index],
  args: ({ limit, historyTtlMs }) => [limit, historyTtlMs],
  decode: (reply) => {
    const flat = reply as readonly string[];
    return flat.flatMap((channel, at) =>
      at % 2 === 0 ? [[channel, Number(flat[at + 1])] as const] : [],
    );
  },
});

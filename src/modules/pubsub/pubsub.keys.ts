import type { KeyFamily } from '../../common/redis/index.js';

/**
 * One publish records an event in three places, and a script may touch one slot only. So channels
 * are spread over 16 shards, and all that belongs to a shard carries its name as hash tag: one
 * script does everything, the shards lie on different masters, and what spans channels is read from
 * 16 keys however many channels there are.
 */
const SHARDS = 16;

const OF_MODULE = {
  module: 'pubsub',
  version: 1,
  ttl: 'the history TTL',
  evictable: true,
} as const;

/** The latest events of one channel. */
export const PUBSUB_EVENTS: KeyFamily = {
  ...OF_MODULE,
  layout: '{shard}:events:channel',
  type: 'stream',
  purpose: 'The latest events of one channel: fields id and event (JSON), capped',
};

/** The latest events of all channels of a shard. */
export const PUBSUB_LOG: KeyFamily = {
  ...OF_MODULE,
  layout: '{shard}:log',
  type: 'stream',
  purpose: 'The latest events of all channels of a shard, as in events',
};

/** The channels of a shard. */
export const PUBSUB_CHANNELS: KeyFamily = {
  ...OF_MODULE,
  layout: '{shard}:channels',
  type: 'zset',
  purpose: 'Channels of a shard by the time of their latest event',
};

/** Names of all shards. */
export const SHARD_NAMES: readonly string[] = Array.from(
  { length: SHARDS },
  (_, index) => `s${index}`,
);

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * The shard of a channel, by FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) of its UTF-16
 * codes.
 */
export function shardOf(channel: string): string {
  let hash = FNV_OFFSET;
  for (let at = 0; at < channel.length; at += 1) {
    hash = Math.imul(hash ^ channel.charCodeAt(at), FNV_PRIME) >>> 0;
  }
  return `s${hash % SHARDS}`;
}

import { Redis } from 'ioredis';
import type { RedisClient } from './client-factory.js';
import type { RedisConnection } from './connection.js';

/** The client that receives, and whether we have to close it. */
export interface SubscriberClient {
  readonly client: RedisClient;
  readonly isOurs: boolean;
}

/** RESP2, as for every subscriber; it connects with the first subscription and never gives up. */
const RECEIVING = { protocol: 2, maxRetriesPerRequest: null, enableOfflineQueue: true } as const;

/**
 * The connection's own subscriber. A client that the application lent us cannot both receive and
 * serve it, so we receive on a copy of it, which is ours to close.
 */
export function subscriberClient(connection: RedisConnection): SubscriberClient {
  const client = connection.client('subscriber');
  if (!connection.isBorrowed) return { client: renewedByUs(client), isOurs: false };
  const copy = renewedByUs(copyOf(client));
  // Without a listener each failed attempt to connect would be printed; the gap tells what it
  // means.
  copy.on('error', () => undefined);
  return { client: copy, isOurs: true };
}

/**
 * The connection on which a client receives: in a cluster one node's, chosen and replaced by
 * ioredis.
 */
export function receivingNode(client: RedisClient): Redis | undefined {
  if (client instanceof Redis) return client;
  // ioredis neither exposes the node nor says when it changes, which would hide gaps.
  const chooser: unknown = Reflect.get(client, 'subscriber');
  if (!isChooser(chooser)) return undefined;
  return chooser.getInstance() ?? undefined;
}

/**
 * ioredis renews subscriptions after a reconnect and lets nobody catch the refusal, which would end
 * the process. `SubscriptionLink` renews them instead, and knows when they are in force.
 */
function renewedByUs(client: RedisClient): RedisClient {
  if (client instanceof Redis) client.options.autoResubscribe = false;
  return client;
}

function copyOf(client: RedisClient): RedisClient {
  if (client instanceof Redis) return client.duplicate({ ...RECEIVING, lazyConnect: true });
  const { replyMapping: _shapes, ...redisOptions } = client.options.redisOptions ?? {};
  return client.duplicate([], {
    lazyConnect: true,
    enableOfflineQueue: RECEIVING.enableOfflineQueue,
    redisOptions: { ...redisOptions, protocol: RECEIVING.protocol },
  });
}

function isChooser(value: unknown): value is { getInstance(): Redis | null } {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'getInstance') === 'function';
}

import { EventStream } from '../../src/common/events/index.js';
import {
  type RedisConnection,
  type RedisOptions,
  RedisConnections,
  type RedisTarget,
} from '../../src/common/redis/index.js';
import { resolveRedisOptions } from '../../src/common/redis/resolve-redis-options.js';

/** A connection layer of a test, connected. */
export interface OpenRedis {
  readonly redis: RedisConnections;
  readonly connection: RedisConnection;
  readonly events: EventStream;
  close(): void;
}

/** Far above what a test server takes, so that a slow machine does not fail for that. */
const PATIENT = { bootTimeout: '10s', connectTimeout: '5s' } as const;

/** Connects to one deployment under a prefix; fails the test when it is not there. */
export async function openRedis(
  target: RedisTarget,
  options: Omit<RedisOptions, 'connections'> = {},
): Promise<OpenRedis> {
  const events = new EventStream();
  const resolved = resolveRedisOptions({
    connections: { default: target },
    ...PATIENT,
    ...options,
  });
  const redis = new RedisConnections(resolved, events);
  const connection = redis.use('default', ['command']);
  await redis.onModuleInit();
  if (!connection.gate.isClosed) throw new Error('the test server did not answer in time');
  return { redis, connection, events, close: () => redis.onApplicationShutdown() };
}

import type { RedisConnection, RedisTarget } from '../../../src/common/redis/index.js';
import { MemorySessionDriver } from '../../../src/modules/session/drivers/memory-session.driver.js';
import { RedisSessionDriver } from '../../../src/modules/session/drivers/redis-session.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import { openRedis } from '../../support/connect.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { assertTopology } from '../../support/redis/topology.js';
import type { SessionFixture } from './session-fixture.js';

/** Far above what a test server takes, so that a slow machine does not fail for that. */
const DEADLINE_MS = 2_000;

export interface RedisSessionFixture extends SessionFixture {
  readonly connection: RedisConnection;
}

export async function openMemory(): Promise<SessionFixture> {
  const clock = new FakeClock();
  return { driver: new MemorySessionDriver({ clock, maxSessions: 10_000 }), clock, dispose };
}

/**
 * Gives the surrounding suite a Redis of that kind and opens drivers on it, each with its own keys.
 */
export function useRedisOpener(
  topology: 'standalone' | 'cluster',
): () => Promise<RedisSessionFixture> {
  const targetOf = useTarget(topology);
  return async () => {
    const prefix = uniquePrefix();
    const { connection, close } = await openRedis(targetOf(), { prefix });
    await assertTopology(connection.client('command'), topology);
    const clock = new FakeClock();
    const driver = new RedisSessionDriver(connection, { deadlineMs: DEADLINE_MS, clock });
    return { driver, clock, connection, dispose: close };
  };
}

function useTarget(topology: 'standalone' | 'cluster'): () => RedisTarget {
  if (topology === 'cluster') {
    const redis = useRedis('cluster');
    return () => ({ cluster: redis().addresses });
  }
  const redis = useRedis('standalone');
  return () => ({ url: redis().url });
}

/** Memory needs no closing. */
function dispose(): void {}

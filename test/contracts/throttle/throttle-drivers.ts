import { MemoryThrottleDriver } from '../../../src/modules/throttle/drivers/memory-throttle.driver.js';
import { BlockListDriver } from '../../../src/modules/throttle/drivers/block-list.driver.js';
import { createRedisDriver } from '../../../src/modules/throttle/drivers/create-redis-driver.js';
import type { RedisConnection, RedisTarget } from '../../../src/common/redis/index.js';
import { type Clock, SystemClock } from '../../../src/common/time/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { openRedis } from '../../support/connect.js';
import { startSentinel } from '../../support/redis/redis-sentinel.js';
import { uniquePrefix, useRedis, useStarted } from '../../support/redis/shared-redis.js';
import { assertTopology, type Topology } from '../../support/redis/topology.js';
import type { OpenThrottle, ThrottleFixture } from './throttle-fixture.js';

/** Far above what a test server takes, so that a slow machine does not fail for that. */
const DEADLINE_MS = 2_000;

export interface RedisThrottleFixture extends ThrottleFixture {
  readonly connection: RedisConnection;
}

/** How a driver is opened: with a clock that the test steps, or going by the real time. */
export interface ThrottleOpener<T extends ThrottleFixture = ThrottleFixture> {
  readonly stepped: () => Promise<T>;
  readonly real: () => Promise<T>;
}

export const memoryOpener: ThrottleOpener = {
  stepped: async () => {
    const clock = new FakeClock();
    return {
      driver: new MemoryThrottleDriver({ clock, maxCounters: 10_000, maxHits: 100_000 }),
      clock,
      dispose,
    };
  },
  real: async () => {
    const driver = new MemoryThrottleDriver({
      clock: new SystemClock(),
      maxCounters: 10_000,
      maxHits: 100_000,
    });
    return { driver, clock: new FakeClock(), dispose };
  },
};

/**
 * Gives the surrounding suite a Redis of that kind and opens drivers on it, each with its own keys.
 */
export function useRedisOpener(topology: Topology): ThrottleOpener<RedisThrottleFixture> {
  const targetOf = useTarget(topology);
  const open = async (isStepped: boolean): Promise<RedisThrottleFixture> => {
    const { connection, close } = await openRedis(targetOf(), { prefix: uniquePrefix() });
    await assertTopology(connection.client('command'), topology);
    const clock = new FakeClock();
    const options = { deadlineMs: DEADLINE_MS, ...(isStepped ? { clock } : {}) };
    return {
      driver: createRedisDriver(connection, options),
      clock,
      connection,
      dispose: close,
    };
  };
  return { stepped: () => open(true), real: () => open(false) };
}

/** The same drivers, each with a block list in front that believes what it heard for very long. */
export function behindBlockList({ stepped, real }: ThrottleOpener): ThrottleOpener {
  const wrapped = (fixture: ThrottleFixture, clock: Clock): ThrottleFixture => {
    const options = { clock, maxEntries: 1_000, maxAgeMs: 86_400_000 };
    const dispose = () => fixture.dispose();
    const driver = new BlockListDriver(fixture.driver, options);
    return { driver, clock: fixture.clock, dispose };
  };
  return {
    stepped: async () => {
      const fixture = await stepped();
      return wrapped(fixture, fixture.clock);
    },
    real: async () => wrapped(await real(), new SystemClock()),
  };
}

export type ThrottleSuite = (open: OpenThrottle) => void;

function useTarget(topology: Topology): () => RedisTarget {
  switch (topology) {
    case 'standalone': {
      const redis = useRedis('standalone');
      return () => ({ url: redis().url });
    }
    case 'cluster': {
      const redis = useRedis('cluster');
      return () => ({ cluster: redis().addresses });
    }
    case 'sentinel': {
      const redis = useStarted(() => startSentinel());
      return () => ({ sentinels: redis().addresses, name: redis().name });
    }
    default:
      return topology satisfies never;
  }
}

/** Memory needs no closing. */
function dispose(): void {}

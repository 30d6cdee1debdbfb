import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnections } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { BlockListDriver } from './drivers/block-list.driver.js';
import { createRedisDriver } from './drivers/create-redis-driver.js';
import { DegradedThrottleDriver } from './drivers/degraded-throttle.driver.js';
import { MemoryThrottleDriver } from './drivers/memory-throttle.driver.js';
import { InstanceHeartbeat } from './instance-heartbeat.js';
import { ThrottleDriver } from './throttle.driver.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import type { ResolvedThrottleOptions } from './throttle.options.js';

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policies behind it.
 */
export const throttleDriverProvider: FactoryProvider<ThrottleDriver> = {
  provide: ThrottleDriver,
  inject: [
    THROTTLE_OPTIONS,
    CLOCK,
    ServiceRegistry,
    InstanceHeartbeat,
    { token: REDIS_CONNECTIONS, optional: true },
  ],
  useFactory: (
    options: ResolvedThrottleOptions,
    clock: Clock,
    services: ServiceRegistry,
    instances: InstanceHeartbeat,
    redis?: RedisConnections,
  ) => {
    const { driver: custom, deadlineMs, blockList, maxCounters, maxHits, onRedisDown } = options;
    const memory = new MemoryThrottleDriver({ clock, maxCounters, maxHits });
    const plan: DriverPlan<ThrottleDriver> = {
      service: 'rate_limiting',
      option: 'throttle.driver',
      custom,
      context: { clock },
      memory: () => memory,
      redis: (connections) => {
        const connection = connections.use('default', ['command']);
        const driver = createRedisDriver(connection, { deadlineMs });
        const list = blockList && new BlockListDriver(driver, { clock, ...blockList });
        return new FailoverDriver<ThrottleDriver>({
          primary: list ?? driver,
          fallback: new DegradedThrottleDriver(memory, () => instances.count),
          gate: connection.gate,
          afterRecovery: () => {
            memory.clear();
            list?.clear();
          },
        });
      },
      whileAway: {
        backing: onRedisDown === 'memory' ? 'memory' : 'none',
        isServing: !hasClosedLimit(options),
        isVital: isClosedForAll(options),
      },
    };
    return openDriver(plan, { services, redis });
  },
};

/** Some requests are answered with 503 while Redis is away: those under a closed limit. */
function hasClosedLimit(options: ResolvedThrottleOptions): boolean {
  return isClosedForAll(options) || options.routes.some(({ limit }) => isClosed(limit));
}

/** Every request is, but for those with limits of their own. */
function isClosedForAll({ onRedisDown, default: limit }: ResolvedThrottleOptions): boolean {
  return isClosed({ onRedisDown }) || (limit !== undefined && isClosed(limit));
}

interface AwayLimit {
  readonly onRedisDown?: string | undefined;
  readonly shadow?: boolean;
}

function isClosed({ onRedisDown, shadow = false }: AwayLimit): boolean {
  return onRedisDown === 'closed' && !shadow;
}

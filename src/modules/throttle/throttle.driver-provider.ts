import type { FactoryProvider } from '@nestjs/common';
import { openCustomDriver } from '../../common/drivers/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnections } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { DegradedThrottleDriver } from './drivers/degraded-throttle.driver.js';
import { MemoryThrottleDriver } from './drivers/memory-throttle.driver.js';
import { RedisThrottleDriver } from './drivers/redis-throttle.driver.js';
import { ThrottleDriver } from './throttle.driver.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import type { ResolvedThrottleOptions } from './throttle.options.js';

/** Name of the service in health bodies. */
const SERVICE = 'rate_limiting';

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policies behind it.
 */
export const throttleDriverProvider: FactoryProvider<ThrottleDriver> = {
  provide: ThrottleDriver,
  inject: [THROTTLE_OPTIONS, CLOCK, ServiceRegistry, { token: REDIS_CONNECTIONS, optional: true }],
  useFactory: (
    options: ResolvedThrottleOptions,
    clock: Clock,
    services: ServiceRegistry,
    redis?: RedisConnections,
  ) => {
    if (options.driver !== undefined) {
      return openCustomDriver(options.driver, {
        context: { clock },
        services,
        status: { service: SERVICE },
        option: 'throttle.driver',
      });
    }
    const { maxCounters, maxHits } = options;
    const memory = new MemoryThrottleDriver({ clock, maxCounters, maxHits });
    if (redis === undefined) {
      services.register({ service: SERVICE, backing: () => 'memory', isServing: () => true });
      return memory;
    }
    return failover(redis, memory, options, services);
  },
};

function failover(
  redis: RedisConnections,
  memory: MemoryThrottleDriver,
  options: ResolvedThrottleOptions,
  services: ServiceRegistry,
): ThrottleDriver {
  const connection = redis.use('default', ['command']);
  const failover = new FailoverDriver<ThrottleDriver>({
    primary: new RedisThrottleDriver(connection, { deadlineMs: options.deadlineMs }),
    fallback: new DegradedThrottleDriver(memory, options.instances),
    gate: connection.gate,
    afterRecovery: () => memory.clear(),
  });
  const whenAway = options.onRedisDown === 'memory' ? 'memory' : 'none';
  services.register({
    service: SERVICE,
    backing: () => (failover.active === 'primary' ? 'redis' : whenAway),
    isServing: () => failover.active === 'primary' || !hasClosedLimit(options),
    intended: 'redis',
    isVital: isClosedForAll(options),
  });
  return failover.driver;
}

/** Some requests are answered with 503 while Redis is away: those under a closed limit. */
function hasClosedLimit(options: ResolvedThrottleOptions): boolean {
  return isClosedForAll(options) || options.routes.some(isClosed);
}

/** Every request is, but for those with limits of their own. */
function isClosedForAll({ onRedisDown, default: limit }: ResolvedThrottleOptions): boolean {
  return isClosed({ onRedisDown }) || (limit !== undefined && isClosed(limit));
}

function isClosed({ onRedisDown }: { readonly onRedisDown?: string | undefined }): boolean {
  return onRedisDown === 'closed';
}

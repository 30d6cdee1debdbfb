import type { FactoryProvider } from '@nestjs/common';
import { openCustomDriver } from '../../common/drivers/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnections, RedisGate } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { ClosedLockDriver } from './drivers/closed-lock.driver.js';
import { LocalLockDriver } from './drivers/local-lock.driver.js';
import { MemoryLockDriver } from './drivers/memory-lock.driver.js';
import { PendingReleases } from './drivers/pending-releases.js';
import { RedisLockDriver } from './drivers/redis-lock.driver.js';
import { TrackingLockDriver } from './drivers/tracking-lock.driver.js';
import { LockDriver } from './lock.driver.js';
import { LOCK_OPTIONS } from './lock.module-definition.js';
import type { ResolvedLockOptions } from './lock.options.js';

/** Name of the service in health bodies. */
const SERVICE = 'lock';

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const lockDriverProvider: FactoryProvider<LockDriver> = {
  provide: LockDriver,
  inject: [LOCK_OPTIONS, CLOCK, ServiceRegistry, { token: REDIS_CONNECTIONS, optional: true }],
  useFactory: (
    options: ResolvedLockOptions,
    clock: Clock,
    services: ServiceRegistry,
    redis?: RedisConnections,
  ) => {
    if (options.driver !== undefined) {
      return openCustomDriver(options.driver, {
        context: { clock },
        services,
        status: { service: SERVICE },
        option: 'lock.driver',
      });
    }
    if (redis === undefined) {
      services.register({ service: SERVICE, backing: () => 'memory', isServing: () => true });
      return new MemoryLockDriver(clock);
    }
    const connection = redis.use('default', ['command']);
    const primary = new RedisLockDriver(connection, options);
    const failover = lockFailover(primary, { gate: connection.gate, options, clock });
    const isLocal = options.onRedisDown === 'memory';
    services.register({
      service: SERVICE,
      backing: () => (failover.active === 'primary' ? 'redis' : isLocal ? 'memory' : 'none'),
      isServing: () => failover.active === 'primary' || isLocal,
      intended: 'redis',
    });
    return failover.driver;
  },
};

/** Puts the failure policy of locks behind a driver that works on Redis. */
export function lockFailover(
  redis: LockDriver,
  context: {
    readonly gate: RedisGate;
    readonly options: ResolvedLockOptions;
    readonly clock: Clock;
  },
): FailoverDriver<LockDriver> {
  const { gate, options, clock } = context;
  const memory = options.onRedisDown === 'memory' ? new MemoryLockDriver(clock) : undefined;
  const pending = new PendingReleases({
    release: async (ref) => {
      await redis.release(ref);
      await memory?.release(ref);
    },
    mayTry: () => gate.isClosed,
  });
  const isAway = (): boolean => !gate.isClosed;
  return new FailoverDriver<LockDriver>({
    primary: new TrackingLockDriver({ redis, pending, memory }),
    fallback: memory
      ? new LocalLockDriver({ memory, pending, isAway })
      : new ClosedLockDriver({ pending, isAway }),
    gate,
    afterRecovery: () => {
      memory?.revoke();
      void pending.flush();
    },
  });
}

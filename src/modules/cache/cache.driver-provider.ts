import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnections, RedisGate } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { CacheCounters } from './cache-counters.js';
import { CacheDriver } from './cache.driver.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { BypassCacheDriver } from './drivers/bypass-cache.driver.js';
import { InvalidationJournal } from './drivers/invalidation-journal.js';
import { MemoryCacheDriver } from './drivers/memory-cache.driver.js';
import { RedisCacheDriver } from './drivers/redis-cache.driver.js';

/** Name of the service in health bodies. */
export const CACHE_SERVICE = 'cache';

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const cacheDriverProvider: FactoryProvider<CacheDriver> = {
  provide: CacheDriver,
  inject: [
    CACHE_OPTIONS,
    CLOCK,
    ServiceRegistry,
    CacheCounters,
    { token: REDIS_CONNECTIONS, optional: true },
  ],
  useFactory: (
    options: ResolvedCacheOptions,
    clock: Clock,
    services: ServiceRegistry,
    counters: CacheCounters,
    redis?: RedisConnections,
  ) => {
    const plan: DriverPlan<CacheDriver> = {
      service: CACHE_SERVICE,
      details: async () => counters.lookups(),
      option: 'cache.driver',
      custom: options.driver,
      context: { clock },
      memory: () => new MemoryCacheDriver({ clock, ...options }),
      redis: (connections) => {
        const connection = connections.use('cache', ['command']);
        const primary = new RedisCacheDriver(connection, { deadlineMs: options.deadlineMs });
        return cacheFailover(primary, { gate: connection.gate, options, clock });
      },
      whileAway: { backing: options.fallback === 'memory' ? 'memory' : 'none', isServing: true },
    };
    return openDriver(plan, { services, redis });
  },
};

/** Puts the failure policy of the cache behind a driver that works on Redis. */
export function cacheFailover(
  primary: CacheDriver,
  context: {
    readonly gate: RedisGate;
    readonly options: ResolvedCacheOptions;
    readonly clock: Clock;
  },
): FailoverDriver<CacheDriver> {
  const { gate, options, clock } = context;
  const memory = new MemoryCacheDriver({ clock, ...options, maxTtlMs: options.fallbackTtlMs });
  const bypass = new BypassCacheDriver();
  return new FailoverDriver({
    primary,
    fallback: options.fallback === 'memory' ? memory : bypass,
    refusal: () => bypass,
    gate,
    journal: new InvalidationJournal(memory),
  });
}

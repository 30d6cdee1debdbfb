import type { FactoryProvider } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../common/redis/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { LockService } from '../lock/index.js';
import { CacheDriver } from './cache.driver.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { CacheEngine } from './cache-engine.js';
import type { LoadClaims } from './engine/load-runner.js';
import { LockClaims } from './lock-claims.js';

/** Who has to be asked before a load; nobody in a process that is alone, or asked not to. */
const LOAD_CLAIMS = Symbol('LOAD_CLAIMS');

const loadClaimsProvider: FactoryProvider<LoadClaims | undefined> = {
  provide: LOAD_CLAIMS,
  inject: [
    CACHE_OPTIONS,
    { token: LockService, optional: true },
    { token: REDIS_CONNECTIONS, optional: true },
  ],
  useFactory: (options: ResolvedCacheOptions, locks?: LockService, redis?: RedisConnections) => {
    if (redis === undefined || options.singleFlight === 'process') return undefined;
    return locks === undefined ? undefined : new LockClaims(locks);
  },
};

const engineProvider: FactoryProvider<CacheEngine> = {
  provide: CacheEngine,
  inject: [CacheDriver, CACHE_OPTIONS, EventStream, CLOCK, LOAD_CLAIMS],
  useFactory: (
    driver: CacheDriver,
    options: ResolvedCacheOptions,
    events: EventStream,
    clock: Clock,
    claims: LoadClaims | undefined,
  ) => {
    const { localCopies, maxEntries, maxBytes, eviction, failureBackOffMs } = options;
    return new CacheEngine({
      driver,
      clock,
      events,
      localCopies,
      maxEntries,
      maxBytes,
      eviction,
      failureBackOffMs,
      claims,
    });
  },
};

/** One engine for all entry points. */
export const cacheEngineProviders = [loadClaimsProvider, engineProvider];

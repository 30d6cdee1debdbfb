import type { DynamicModule } from '@nestjs/common';
import { loadPeer } from '../../../common/errors/index.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../../common/redis/index.js';
import { CLOCK, type Clock } from '../../../common/time/index.js';
import type { CacheDriver } from '../cache.driver.js';
import { cacheFailover } from '../cache.driver-provider.js';
import { CACHE_OPTIONS } from '../cache.module-definition.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import { MemoryCacheDriver } from '../drivers/memory-cache.driver.js';
import { IoredisYetCacheDriver, type IoredisYetStore } from './ioredis-yet.driver.js';
import { KeyvStore } from './keyv-store.js';

const FEATURE = 'CacheManagerModule';

/**
 * Serves the `CACHE_MANAGER` token of `@nestjs/cache-manager` to code that injects it: on Redis
 * through `cache-manager-ioredis-yet` and the shared client, else in memory. Needs `CacheModule`.
 *
 * Unlike that store by itself, `clear()` removes only what was stored through the token, nothing
 * hangs or fails while Redis is away, and what was changed meanwhile is not served stale
 * afterwards.
 *
 * @example
 * imports: [CacheModule.forRoot(), CacheManagerModule.forRoot()]
 */
export class CacheManagerModule {
  /**
   * @throws MissingPeerError when `@nestjs/cache-manager` or a package it needs is not installed
   */
  static async forRoot(): Promise<DynamicModule> {
    // The last one needs the others: in this order the error names the package that is missing.
    const { Keyv } = await loadPeer(FEATURE, 'keyv', () => import('keyv'));
    await loadPeer(FEATURE, 'cache-manager', () => import('cache-manager'));
    const nest = await loadPeer(
      FEATURE,
      '@nestjs/cache-manager',
      () => import('@nestjs/cache-manager'),
    );
    const backend = nest.CacheModule.registerAsync({
      isGlobal: true,
      inject: [CACHE_OPTIONS, CLOCK, { token: REDIS_CONNECTIONS, optional: true }],
      useFactory: async (options: ResolvedCacheOptions, clock: Clock, redis?: RedisConnections) => {
        const driver = await createDriver(options, clock, redis);
        const store = new KeyvStore(driver, options);
        return { stores: new Keyv({ store, useKeyPrefix: false }), ttl: options.ttlMs };
      },
    });
    return { module: CacheManagerModule, imports: [backend] };
  }
}

async function createDriver(
  options: ResolvedCacheOptions,
  clock: Clock,
  redis: RedisConnections | undefined,
): Promise<CacheDriver> {
  if (redis === undefined) return new MemoryCacheDriver({ clock, ...options });
  const { redisInsStore } = await loadPeer(
    FEATURE,
    'cache-manager-ioredis-yet',
    () => import('cache-manager-ioredis-yet'),
  );
  const connection = redis.use('cache', ['command']);
  // Its declared type has lost these methods; see IoredisYetStore.
  const store = redisInsStore(connection.client('command')) as unknown as IoredisYetStore;
  const primary = new IoredisYetCacheDriver(store, connection, options);
  return cacheFailover(primary, { gate: connection.gate, options, clock }).driver;
}

import type { DynamicModule } from '@nestjs/common';
import { loadPeer } from '../../../common/errors/index.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../../common/redis/index.js';
import { CLOCK, type Clock } from '../../../common/time/index.js';
import { byteStoreFailover } from '../cache.driver-provider.js';
import { CACHE_OPTIONS } from '../cache.module-definition.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import { MemoryCacheDriver } from '../drivers/memory-cache.driver.js';
import { type ByteStore, byteStoreOf } from './byte-store.js';
import { IoredisYetByteStore, type IoredisYetStore } from './ioredis-yet.store.js';
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
        const bytes = await openByteStore(options, clock, redis);
        const store = new KeyvStore(bytes, options);
        // All keys of the store are of this token: Keyv's own namespace would only make them longer.
        const stores = new Keyv({ store, useKeyPrefix: false, namespace: '' });
        return { stores, ttl: options.ttlMs };
      },
    });
    return { module: CacheManagerModule, imports: [backend] };
  }
}

async function openByteStore(
  options: ResolvedCacheOptions,
  clock: Clock,
  redis: RedisConnections | undefined,
): Promise<ByteStore> {
  if (redis === undefined) return byteStoreOf(new MemoryCacheDriver({ clock, ...options }));
  const { redisInsStore } = await loadPeer(
    FEATURE,
    'cache-manager-ioredis-yet',
    () => import('cache-manager-ioredis-yet'),
  );
  const connection = redis.use('cache', ['command']);
  // Its declared type has lost these methods; see IoredisYetStore.
  const store = redisInsStore(connection.client('command')) as unknown as IoredisYetStore;
  const primary = new IoredisYetByteStore(store, connection, options);
  return byteStoreFailover(primary, { gate: connection.gate, options, clock }).driver;
}

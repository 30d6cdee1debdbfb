/**
 * `@nestjs/cache-manager` with `CacheInterceptor`, as in
 * https://docs.nestjs.com/techniques/caching: "In-memory cache", "Auto-caching responses", and
 * "Using alternative Cache stores".
 */
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { UseInterceptors } from '@nestjs/common';
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { KeyvCacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';
import { createApplication } from '../lib/application.mjs';
import { lookUpOperation } from '../operations/cache.mjs';
import { TTL_MS } from '../settings.mjs';

const cached = (cacheModule) =>
  createApplication({ imports: [cacheModule], on: { class: [UseInterceptors(CacheInterceptor)] } });

/**
 * The page shows Redis behind a first store in memory, which would answer every request here
 * without asking Redis; this is Redis alone.
 */
export function onRedis(redisUrl) {
  return cached(
    CacheModule.registerAsync({
      useFactory: async () => ({ ttl: TTL_MS, stores: [new KeyvRedis(redisUrl)] }),
    }),
  );
}

/** The default: an unbounded map. */
export function inMemory() {
  return cached(CacheModule.register({ ttl: TTL_MS }));
}

/** The store the page shows for memory: bounded, with the page's size. */
export function inCacheableMemory() {
  return cached(
    CacheModule.registerAsync({
      useFactory: async () => ({
        stores: [new Keyv({ store: new KeyvCacheableMemory({ ttl: TTL_MS, lruSize: 5_000 }) })],
      }),
    }),
  );
}

function lookUps(store) {
  const cache = createCache({ ttl: TTL_MS, stores: [store] });
  return lookUpOperation({
    set: (key, value) => cache.set(key, value),
    get: (key) => cache.get(key),
    remove: (key) => cache.del(key),
  });
}

/** As in https://www.npmjs.com/package/cache-manager: its default store, an unbounded map. */
export async function getFromMemory() {
  return lookUps(new Keyv());
}

export async function getFromRedis(redisUrl) {
  return lookUps(new Keyv({ store: new KeyvRedis(redisUrl) }));
}

/**
 * As in https://bentocache.dev/docs/quick-setup: the store of its examples in memory, and on Redis
 * its driver without a first level, which would answer every call here without asking Redis.
 */
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { lookUpOperation } from '../operations/cache.mjs';
import { TTL_MS } from '../settings.mjs';

function lookUps(store) {
  const cache = new BentoCache({ default: 'products', ttl: TTL_MS, stores: { products: store } });
  return lookUpOperation({
    set: (key, value) => cache.set({ key, value }),
    get: (key) => cache.get({ key }),
    remove: (key) => cache.delete({ key }),
  });
}

export async function inMemory() {
  return lookUps(bentostore().useL1Layer(memoryDriver({ maxItems: 1_000 })));
}

export async function onRedis(redisUrl) {
  return lookUps(bentostore().useL2Layer(redisDriver({ connection: new Redis(redisUrl) })));
}

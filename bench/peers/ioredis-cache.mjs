/** What a team writes by itself: GET and SET, and JSON. */
import { Redis } from 'ioredis';
import { lookUpOperation } from '../operations/cache.mjs';
import { TTL_MS } from '../settings.mjs';

export async function create(redisUrl) {
  const redis = new Redis(redisUrl);
  return lookUpOperation({
    set: (key, value) => redis.set(key, JSON.stringify(value), 'PX', TTL_MS),
    get: async (key) => JSON.parse(await redis.get(key)) ?? undefined,
    remove: (key) => redis.del(key),
  });
}

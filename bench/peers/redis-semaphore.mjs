/** `Mutex` as in https://www.npmjs.com/package/redis-semaphore: a new one for each use. */
import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';
import { lockOperation } from '../operations/lock.mjs';

export async function create(redisUrl) {
  const client = new Redis(redisUrl);
  return lockOperation({
    async acquire(key, ttlMs) {
      const mutex = new Mutex(client, key, { lockTimeout: ttlMs });
      await mutex.acquire();
      return mutex;
    },
    async tryAcquire(key, ttlMs) {
      const mutex = new Mutex(client, key, { lockTimeout: ttlMs, acquireAttemptsLimit: 1 });
      return (await mutex.tryAcquire()) ? mutex : undefined;
    },
    release: (mutex) => mutex.release(),
  });
}

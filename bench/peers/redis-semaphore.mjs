/**
 * `Mutex` as in https://www.npmjs.com/package/redis-semaphore: a new one for each use, and default
 * options. Who waits does so for longer than 10 s.
 */
import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';
import { lockOperation } from '../operations/lock.mjs';
import { CONTENTION } from '../settings.mjs';

export async function open(redisUrl) {
  const client = new Redis(redisUrl);
  const acquire = async (key, options) => {
    const mutex = new Mutex(client, key, options);
    await mutex.acquire();
    return mutex;
  };
  return {
    acquire: (key, ttlMs) => acquire(key, { lockTimeout: ttlMs }),
    async tryAcquire(key, ttlMs) {
      const mutex = new Mutex(client, key, { lockTimeout: ttlMs, acquireAttemptsLimit: 1 });
      return (await mutex.tryAcquire()) ? mutex : undefined;
    },
    wait: (key, ttlMs) =>
      acquire(key, { lockTimeout: ttlMs, acquireTimeout: CONTENTION.patienceMs }),
    release: (mutex) => mutex.release(),
  };
}

export async function create(redisUrl) {
  return lockOperation(await open(redisUrl));
}

/** As in https://www.npmjs.com/package/redlock: one client for the one server, default settings. */
import { Redis } from 'ioredis';
import Redlock, { ExecutionError } from 'redlock';
import { lockOperation } from '../operations/lock.mjs';

export async function create(redisUrl) {
  const redlock = new Redlock([new Redis(redisUrl)]);
  return lockOperation({
    acquire: (key, ttlMs) => redlock.acquire([key], ttlMs),
    async tryAcquire(key, ttlMs) {
      try {
        return await redlock.acquire([key], ttlMs, { retryCount: 0 });
      } catch (error) {
        if (error instanceof ExecutionError) return undefined;
        throw error;
      }
    },
    release: (lock) => lock.release(),
  });
}

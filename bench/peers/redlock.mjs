/**
 * As in https://www.npmjs.com/package/redlock: one client for the one server, and default settings.
 * Who waits does so with the delays of its example, and `retryCount: -1`, without end.
 */
import { Redis } from 'ioredis';
import Redlock, { ExecutionError } from 'redlock';
import { lockOperation } from '../operations/lock.mjs';

const WAITING = { retryCount: -1, retryDelay: 200, retryJitter: 200 };

export async function open(redisUrl) {
  const redlock = new Redlock([new Redis(redisUrl)]);
  return {
    acquire: (key, ttlMs) => redlock.acquire([key], ttlMs),
    async tryAcquire(key, ttlMs) {
      try {
        return await redlock.acquire([key], ttlMs, { retryCount: 0 });
      } catch (error) {
        if (error instanceof ExecutionError) return undefined;
        throw error;
      }
    },
    wait: (key, ttlMs) => redlock.acquire([key], ttlMs, WAITING),
    release: (lock) => lock.release(),
  };
}

export async function create(redisUrl) {
  return lockOperation(await open(redisUrl));
}

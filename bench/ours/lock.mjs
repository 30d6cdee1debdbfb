import { LockModule, LockService } from '../../dist/modules/lock/index.js';
import { lockOperation } from '../operations/lock.mjs';
import { CONTENTION } from '../settings.mjs';
import { applicationContext } from './context.mjs';

/** All options at their defaults but those that are given. */
export async function open(redisUrl, options = {}) {
  const locks = (await applicationContext(redisUrl, LockModule.forRoot())).get(LockService);
  return {
    acquire: (key, ttlMs) => locks.acquire(key, { ttl: ttlMs, ...options }),
    tryAcquire: (key, ttlMs) => locks.tryAcquire(key, { ttl: ttlMs, ...options }),
    wait: (key, ttlMs) =>
      locks.acquire(key, { ttl: ttlMs, wait: CONTENTION.patienceMs, ...options }),
    release: (lock) => lock.release(),
  };
}

export async function create(redisUrl) {
  return lockOperation(await open(redisUrl));
}

/** What the peers do: they have no fences. */
export async function unfenced(redisUrl) {
  return lockOperation(await open(redisUrl, { fence: false }));
}

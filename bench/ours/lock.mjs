import { LockModule, LockService } from '../../dist/modules/lock/index.js';
import { lockOperation } from '../operations/lock.mjs';
import { applicationContext } from './context.mjs';

export async function create(redisUrl) {
  const locks = (await applicationContext(redisUrl, LockModule.forRoot())).get(LockService);
  return lockOperation({
    acquire: (key, ttlMs) => locks.acquire(key, { ttl: ttlMs }),
    tryAcquire: (key, ttlMs) => locks.tryAcquire(key, { ttl: ttlMs }),
    release: (lock) => lock.release(),
  });
}

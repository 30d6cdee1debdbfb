/**
 * `@nestjs/throttler` with its guard bound globally, as in
 * https://docs.nestjs.com/security/rate-limiting, on its own storage or on
 * https://www.npmjs.com/package/@nest-lab/throttler-storage-redis ("Basic usage").
 */
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerGuard, ThrottlerModule, ThrottlerStorageService } from '@nestjs/throttler';
import { createApplication } from '../lib/application.mjs';
import { hitOperation } from '../operations/throttle.mjs';
import { HIT_WINDOW_MS, LIMIT, THREE_WINDOWS_MS, WINDOW_MS } from '../settings.mjs';

const throttlers = [{ ttl: WINDOW_MS, limit: LIMIT }];

const limited = (throttlerModule) =>
  createApplication({
    imports: [throttlerModule],
    providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
  });

export function onRedis(redisUrl) {
  const storage = new ThrottlerStorageRedisService(redisUrl);
  return limited(ThrottlerModule.forRoot({ throttlers, storage }));
}

/** Three named throttlers, as its documentation shows for several definitions. */
export function threeOnRedis(redisUrl) {
  const named = THREE_WINDOWS_MS.map((ttl, index) => ({
    name: `limit-${index}`,
    ttl,
    limit: LIMIT,
  }));
  const storage = new ThrottlerStorageRedisService(redisUrl);
  return limited(ThrottlerModule.forRoot({ throttlers: named, storage }));
}

/** Its storage alone, called as its guard does; without a block, like ours. */
const hits = (kind) => async () => {
  const storage = new ThrottlerStorageService();
  const admitted = async (client, ttl, limit) =>
    !(await storage.increment(client, ttl, limit, 0, 'default')).isBlocked;
  return hitOperation(kind, {
    hit: (client) => admitted(client, HIT_WINDOW_MS, LIMIT),
    hitScarce: (client) => admitted(`scarce ${client}`, WINDOW_MS, 3),
  });
};

export const hotHits = hits('hot');
export const coldHits = hits('cold');

export function inMemory() {
  return limited(ThrottlerModule.forRoot({ throttlers }));
}

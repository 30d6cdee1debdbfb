/**
 * `@nestjs/throttler` with its guard bound globally, as in
 * https://docs.nestjs.com/security/rate-limiting, on its own storage or on
 * https://www.npmjs.com/package/@nest-lab/throttler-storage-redis ("Basic usage").
 */
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { createApplication } from '../lib/application.mjs';
import { LIMIT, WINDOW_MS } from '../settings.mjs';

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

export function inMemory() {
  return limited(ThrottlerModule.forRoot({ throttlers }));
}

import { BackplaneModule } from '../../dist/index.js';
import { CacheResponse } from '../../dist/modules/cache/index.js';
import { createApplication } from '../lib/application.mjs';
import { TTL_MS } from '../settings.mjs';

/**
 * `@CacheResponse`, on Redis where a URL is given, else in memory. All options at their defaults.
 */
export function create(redisUrl) {
  const redis =
    redisUrl === undefined ? {} : { redis: { connections: { default: { url: redisUrl } } } };
  return createApplication({
    imports: [BackplaneModule.forRoot({ ...redis, cache: { ttl: TTL_MS } })],
    on: { method: [CacheResponse()] },
  });
}

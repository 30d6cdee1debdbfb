import type { BackplaneOptions } from '../backplane.options.js';
import type { BackplaneConfig } from '../common/config/index.js';
import { DEFAULT_LIMITS } from './default-limits.js';

/** The library's options for this backend. */
export function backplaneOptions(config: BackplaneConfig): BackplaneOptions {
  return {
    ...(config.redis === undefined ? {} : { redis: config.redis }),
    cache: {
      ttl: config.cache.ttlMs,
      maxEntries: config.cache.maxEntries,
      fallback: config.cache.fallback,
    },
    throttle: DEFAULT_LIMITS,
    lock: {},
    queue: {
      queues: ['emails'],
      ...(config.database === undefined ? {} : { databaseUrl: config.database.url }),
    },
    pubsub: { onRedisDown: 'buffer' },
    session: {
      storage: config.session.useRedis ? 'redis' : 'memory',
      // Browsers keep a Secure cookie of a plain HTTP server on localhost only, or not at all.
      cookie: { secure: config.http.production },
    },
    health: {},
  };
}

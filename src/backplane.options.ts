import type { RedisOptions } from './common/redis/index.js';
import type { CacheOptions } from './modules/cache/index.js';
import type { HealthOptions } from './modules/health/index.js';
import type { LockOptions } from './modules/lock/index.js';
import type { PubSubOptions } from './modules/pubsub/index.js';
import type { QueueOptions } from './modules/queue/index.js';
import type { SessionOptions } from './modules/session/index.js';
import type { ThrottleOptions } from './modules/throttle/index.js';

/** Options of everything at once. */
export interface BackplaneOptions {
  /** Without it the memory drivers serve. */
  readonly redis?: RedisOptions;
  readonly cache?: CacheOptions;
  readonly throttle?: ThrottleOptions;
  readonly lock?: LockOptions;
  readonly session?: SessionOptions;
  readonly pubsub?: PubSubOptions;
  readonly queue?: QueueOptions;
  readonly health?: HealthOptions;
}

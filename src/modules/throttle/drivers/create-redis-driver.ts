import type { RedisConnection } from '../../../common/redis/index.js';
import type { ThrottleDriver } from '../throttle.driver.js';
import { ClusterThrottleDriver } from './cluster-throttle.driver.js';
import type { ThrottleBounds } from './hit-batch.js';
import { RedisThrottleDriver } from './redis-throttle.driver.js';

/** In a Cluster the counters of several subjects are on several nodes. */
export function createRedisDriver(
  connection: RedisConnection,
  bounds: ThrottleBounds,
): ThrottleDriver {
  const driver = new RedisThrottleDriver(connection, bounds);
  return connection.topology === 'cluster' ? new ClusterThrottleDriver(driver) : driver;
}

import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import {
  REDIS_CONNECTIONS,
  type RedisConnection,
  type RedisConnections,
} from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { LockChannel } from './drivers/lock-channel.js';
import { lockFailover } from './drivers/lock-failover.js';
import { MemoryLockDriver } from './drivers/memory-lock.driver.js';
import { openQuorum, type OpenQuorum } from './drivers/open-quorum.js';
import { RedisLockDriver } from './drivers/redis-lock.driver.js';
import { LockDriver } from './lock.driver.js';
import { LOCK_OPTIONS } from './lock.module-definition.js';
import type { ResolvedLockOptions } from './lock.options.js';

const LOCK_BACKEND = Symbol('LOCK_BACKEND');
const OPTIONAL_REDIS = { token: REDIS_CONNECTIONS, optional: true };

/** `undefined` where the locks are not in Redis, or on several masters, where nobody queues. */
export const lockChannelProvider: FactoryProvider<LockChannel | undefined> = {
  provide: LockChannel,
  inject: [LOCK_OPTIONS, OPTIONAL_REDIS],
  useFactory: ({ driver, quorum }: ResolvedLockOptions, redis?: RedisConnections) =>
    redis === undefined || driver !== undefined || quorum !== undefined
      ? undefined
      : new LockChannel(redis.use('default', ['command', 'subscriber'])),
};

/** What the driver is made of, where it is configured. */
interface LockBackend {
  readonly channel: LockChannel | undefined;
  readonly quorum: OpenQuorum | undefined;
  readonly onApplicationBootstrap: () => Promise<void>;
}

/** Stops the boot where the masters of a quorum cannot be one. */
export const lockBackendProvider: FactoryProvider<LockBackend> = {
  provide: LOCK_BACKEND,
  inject: [LOCK_OPTIONS, CLOCK, LockChannel, OPTIONAL_REDIS],
  useFactory: (
    options: ResolvedLockOptions,
    clock: Clock,
    channel: LockChannel | undefined,
    redis?: RedisConnections,
  ) => {
    const quorum = openQuorum(redis, { options, clock });
    const onApplicationBootstrap = async (): Promise<void> => quorum?.onApplicationBootstrap();
    return { channel, quorum, onApplicationBootstrap };
  },
};

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const lockDriverProvider: FactoryProvider<LockDriver> = {
  provide: LockDriver,
  inject: [LOCK_OPTIONS, CLOCK, ServiceRegistry, LOCK_BACKEND, OPTIONAL_REDIS],
  useFactory: (
    options: ResolvedLockOptions,
    clock: Clock,
    services: ServiceRegistry,
    { channel, quorum }: LockBackend,
    redis?: RedisConnections,
  ) => {
    const isLocal = options.onRedisDown === 'memory';
    const plan: DriverPlan<LockDriver> = {
      service: 'lock',
      option: 'lock.driver',
      custom: options.driver,
      context: { clock },
      ...(quorum && { details: quorum.details }),
      memory: () => new MemoryLockDriver(clock),
      redis: (connections) => {
        if (quorum !== undefined) return quorum.failover;
        const connection = openConnection(connections, options);
        const receiver = channel ?? new LockChannel(connection);
        const primary = new RedisLockDriver(connection, { ...options, clock, channel: receiver });
        return lockFailover(primary, { ...options, gate: connection.gate, clock });
      },
      whileAway: { backing: isLocal ? 'memory' : 'none', isServing: isLocal },
    };
    return openDriver(plan, { services, redis });
  },
};

/** @throws InvalidOptionError for replicas of a cluster, or on a client that others use as well */
function openConnection(
  connections: RedisConnections,
  { replicas }: ResolvedLockOptions,
): RedisConnection {
  const connection = connections.use(
    'default',
    replicas > 0 ? ['command', 'durable'] : ['command'],
  );
  if (replicas === 0) return connection;
  if (connection.topology === 'cluster') {
    throw new InvalidOptionError('lock.replicas', 'is not possible in a Redis Cluster');
  }
  if (connection.isBorrowed) {
    throw new InvalidOptionError('lock.replicas', 'needs a connection of its own: give a url');
  }
  return connection;
}

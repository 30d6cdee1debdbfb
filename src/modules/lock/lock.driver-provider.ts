import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnection, RedisConnections, RedisGate } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { ClosedLockDriver } from './drivers/closed-lock.driver.js';
import { LockChannel } from './drivers/lock-channel.js';
import { LockHandover } from './drivers/lock-handover.js';
import { LocalLockDriver } from './drivers/local-lock.driver.js';
import { MemoryLockDriver } from './drivers/memory-lock.driver.js';
import { PendingReleases } from './drivers/pending-releases.js';
import { RedisLockDriver } from './drivers/redis-lock.driver.js';
import { TrackingLockDriver } from './drivers/tracking-lock.driver.js';
import { LockDriver } from './lock.driver.js';
import { LOCK_OPTIONS } from './lock.module-definition.js';
import type { ResolvedLockOptions } from './lock.options.js';

const OPTIONAL_REDIS = { token: REDIS_CONNECTIONS, optional: true };

/** `undefined` where the locks are not in Redis. */
export const lockChannelProvider: FactoryProvider<LockChannel | undefined> = {
  provide: LockChannel,
  inject: [LOCK_OPTIONS, OPTIONAL_REDIS],
  useFactory: ({ driver }: ResolvedLockOptions, redis?: RedisConnections) =>
    redis === undefined || driver !== undefined
      ? undefined
      : new LockChannel(redis.use('default', ['command', 'subscriber'])),
};

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const lockDriverProvider: FactoryProvider<LockDriver> = {
  provide: LockDriver,
  inject: [LOCK_OPTIONS, CLOCK, ServiceRegistry, LockChannel, OPTIONAL_REDIS],
  useFactory: (
    options: ResolvedLockOptions,
    clock: Clock,
    services: ServiceRegistry,
    channel: LockChannel | undefined,
    redis?: RedisConnections,
  ) => {
    const isLocal = options.onRedisDown === 'memory';
    const plan: DriverPlan<LockDriver> = {
      service: 'lock',
      option: 'lock.driver',
      custom: options.driver,
      context: { clock },
      memory: () => new MemoryLockDriver(clock),
      redis: (connections) => {
        const connection = openConnection(connections, options);
        const receiver = channel ?? new LockChannel(connection);
        const primary = new RedisLockDriver(connection, { ...options, clock, channel: receiver });
        return lockFailover(primary, { gate: connection.gate, options, clock });
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

interface LockFailoverContext {
  readonly gate: RedisGate;
  readonly options: ResolvedLockOptions;
  readonly clock: Clock;
}

/** Puts the failure policy of locks behind a driver that works on Redis. */
export function lockFailover(
  redis: LockDriver,
  context: LockFailoverContext,
): FailoverDriver<LockDriver> {
  return context.options.onRedisDown === 'memory'
    ? memoryFailover(redis, context)
    : closedFailover(redis, context);
}

function closedFailover(redis: LockDriver, { gate }: LockFailoverContext) {
  const pending = new PendingReleases({
    release: (ref) => redis.release(ref),
    mayTry: () => gate.isClosed,
  });
  gate.onRecovered(() => void pending.flush());
  return new FailoverDriver<LockDriver>({
    primary: new TrackingLockDriver({ redis, pending }),
    fallback: new ClosedLockDriver({ pending, isAway: () => !gate.isClosed }),
    gate,
  });
}

function memoryFailover(redis: LockDriver, { gate, clock }: LockFailoverContext) {
  const memory = new MemoryLockDriver(clock);
  const pending = new PendingReleases({
    // A grant whose answer was lost as Redis went away goes on here: it is wanted after all.
    release: async (ref) => {
      if (memory.find(ref.key)?.token !== ref.token) await redis.release(ref);
    },
    mayTry: () => gate.isClosed,
  });
  const journal = new LockHandover({ redis, memory, pending });
  // Before the failover is told: no call may slip through to a Redis that does not know of a hold.
  gate.onRecovered(() => {
    journal.begin();
    void pending.flush();
  });
  const mayAnswer = (key?: string): boolean =>
    !gate.isClosed || (key !== undefined && journal.keeps(key));
  return new FailoverDriver<LockDriver>({
    primary: new TrackingLockDriver({ redis, pending, memory }),
    fallback: new LocalLockDriver({ memory, pending, mayAnswer }),
    gate,
    journal,
  });
}

import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
import { EventStream } from '../../common/events/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnection, RedisConnections } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { Dispatcher } from './dispatcher.js';
import { DegradedPubSubDriver } from './drivers/degraded-pubsub.driver.js';
import { MemoryPubSubDriver } from './drivers/memory-pubsub.driver.js';
import { PublishJournal } from './drivers/publish-journal.js';
import { UnrecordedPubSubDriver } from './drivers/unrecorded-pubsub.driver.js';
import { RedisPubSubDriver } from './drivers/redis-pubsub.driver.js';
import { RedisPubSubReceiver } from './drivers/redis-pubsub.receiver.js';
import { eventOf } from './envelope.js';
import { OnceGuard } from './once-guard.js';
import { PubSubDriver, type PubSubDriverContext } from './pubsub.driver.js';
import { PUBSUB_OPTIONS } from './pubsub.module-definition.js';
import type { ResolvedPubSubOptions } from './pubsub.options.js';
import { LocalReceiver, PubSubReceiver } from './pubsub.receiver.js';

const OPTIONAL_REDIS = { token: REDIS_CONNECTIONS, optional: true };

/** The parts of this process that every driver delivers to. */
export interface PubSubLocal {
  readonly options: ResolvedPubSubOptions;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly once: OnceGuard;
  readonly events: EventStream;
}

export const onceGuardProvider: FactoryProvider<OnceGuard> = {
  provide: OnceGuard,
  useFactory: () => new OnceGuard(),
};

export const dispatcherProvider: FactoryProvider<Dispatcher> = {
  provide: Dispatcher,
  inject: [PUBSUB_OPTIONS, EventStream, OnceGuard],
  useFactory: (options: ResolvedPubSubOptions, events: EventStream, once: OnceGuard) =>
    new Dispatcher({ events, once, handlerTimeoutMs: options.handlerTimeoutMs }),
};

/** Gathers what the drivers need, so that each factory takes few things. */
const PUBSUB_LOCAL = Symbol('PUBSUB_LOCAL');

export const localProvider: FactoryProvider<PubSubLocal> = {
  provide: PUBSUB_LOCAL,
  inject: [PUBSUB_OPTIONS, CLOCK, Dispatcher, OnceGuard, EventStream],
  useFactory: (
    options: ResolvedPubSubOptions,
    clock: Clock,
    dispatcher: Dispatcher,
    once: OnceGuard,
    events: EventStream,
  ) => ({ options, clock, dispatcher, once, events }),
};

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const pubSubDriverProvider: FactoryProvider<PubSubDriver> = {
  provide: PubSubDriver,
  inject: [PUBSUB_LOCAL, ServiceRegistry, OPTIONAL_REDIS],
  useFactory: (local: PubSubLocal, services: ServiceRegistry, redis?: RedisConnections) => {
    const { driver, onRedisDown } = local.options;
    const plan: DriverPlan<PubSubDriver, PubSubDriverContext> = {
      service: 'pubsub',
      option: 'pubsub.driver',
      custom: driver,
      context: customContext(local),
      memory: () => memoryDriver(local),
      redis: (connections) => pubSubFailover(connections.use('default', ['command']), local),
      whileAway: { backing: 'memory', isServing: onRedisDown !== 'reject' },
    };
    return openDriver(plan, { services, redis });
  },
};

export const pubSubReceiverProvider: FactoryProvider<PubSubReceiver> = {
  provide: PubSubReceiver,
  inject: [PUBSUB_LOCAL, OPTIONAL_REDIS],
  useFactory: (local: PubSubLocal, redis?: RedisConnections) => {
    const { dispatcher, options, events } = local;
    if (redis === undefined || options.driver !== undefined) return new LocalReceiver();
    return new RedisPubSubReceiver(redis.use('default', ['command', 'subscriber']), {
      deliverTo: (key, event) => dispatcher.deliverTo(key, event),
      events,
      heartbeatMs: options.heartbeatMs,
    });
  },
};

function customContext({ clock, dispatcher }: PubSubLocal): PubSubDriverContext {
  return {
    clock,
    seal: eventOf,
    deliver: (event) => queueMicrotask(() => dispatcher.deliver(event)),
    channels: () => dispatcher.channels(),
  };
}

/** Puts the failure policy behind a driver on Redis. */
function pubSubFailover(
  connection: RedisConnection,
  local: PubSubLocal,
): FailoverDriver<PubSubDriver> {
  const { options, once, events } = local;
  const policy = options.onRedisDown;
  const memory = memoryDriver(local);
  const journal = new PublishJournal({
    maxEvents: policy === 'buffer' ? options.bufferSize : 0,
    maxBytes: options.maxMemoryBytes,
    dropped: ({ id: eventId, channel }, error) =>
      events.emit('pubsub.lost', { channel, eventId, error }),
  });
  const degraded = (to: PubSubDriver): PubSubDriver =>
    new DegradedPubSubDriver({ local: to, policy, journal, once });
  return new FailoverDriver<PubSubDriver>({
    primary: new RedisPubSubDriver(connection, { once, ...options }),
    fallback: degraded(memory),
    refusal: (failure) => degraded(new UnrecordedPubSubDriver(memory, failure)),
    bridges: 'outages',
    gate: connection.gate,
    journal,
    afterRecovery: () => memory.clear(),
  });
}

function memoryDriver({ options, clock, dispatcher }: PubSubLocal): MemoryPubSubDriver {
  return new MemoryPubSubDriver({ clock, local: dispatcher, ...options });
}

import type { FactoryProvider } from '@nestjs/common';
import { loadPeer } from '../../common/errors/index.js';
import { EventStream } from '../../common/events/index.js';
import { REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnection, RedisConnections } from '../../common/redis/index.js';
import type { BullBackend, BullLibrary } from './drivers/bull-backend.js';
import { BullQueueDriver } from './drivers/bull-queue.driver.js';
import { LazyQueueDriver } from './drivers/lazy-queue.driver.js';
import { RedisBullBackend } from './drivers/redis-bull-backend.js';
import { JobHandlers } from './job-handlers.js';
import { QueueCatalog } from './queue-catalog.js';
import { QueueDriver } from './queue.driver.js';
import { QUEUE_OPTIONS } from './queue.module-definition.js';
import type { ResolvedQueueOptions } from './queue.options.js';

const FEATURE = 'QueueModule';

interface Surroundings {
  readonly options: ResolvedQueueOptions;
  readonly events: EventStream;
  readonly catalog: QueueCatalog;
}

/** Redis where it is configured; else PostgreSQL; else the embedded database. */
export const queueDriverProvider: FactoryProvider<LazyQueueDriver<BullQueueDriver>> = {
  provide: QueueDriver,
  inject: [
    QUEUE_OPTIONS,
    EventStream,
    QueueCatalog,
    JobHandlers,
    { token: REDIS_CONNECTIONS, optional: true },
  ],
  useFactory: (
    options: ResolvedQueueOptions,
    events: EventStream,
    catalog: QueueCatalog,
    handlers: JobHandlers,
    redis?: RedisConnections,
  ) => {
    const surroundings = { options, events, catalog };
    if (redis === undefined) return onDatabase(surroundings);
    const connection = redis.use('queue', ['producer', 'worker']);
    // Each worker blocks on a connection of its own.
    redis.reserve(connection, 'worker', handlers.queues().length);
    return onRedis(connection, surroundings);
  },
};

function onRedis(connection: RedisConnection, surroundings: Surroundings) {
  const { gate } = connection;
  const { deadlineMs } = surroundings.options;
  return new LazyQueueDriver(
    () =>
      startDriver(surroundings, async (bull) => new RedisBullBackend(bull, connection, deadlineMs)),
    {
      backing: () => (gate.isClosed ? 'redis' : 'none'),
      isServing: () => gate.isClosed,
      isStarted: true,
    },
  );
}

function onDatabase(surroundings: Surroundings) {
  return new LazyQueueDriver(
    () =>
      startDriver(surroundings, async (bull) => {
        const { openPostgresBackend } = await import('./drivers/open-postgres-backend.js');
        return openPostgresBackend(bull, surroundings.options);
      }),
    { backing: () => 'database', isServing: () => true, isStarted: false },
  );
}

/** @throws MissingPeerError */
async function startDriver(
  { events, catalog }: Surroundings,
  open: (bull: BullLibrary) => Promise<BullBackend>,
): Promise<BullQueueDriver> {
  const bull = await loadPeer(FEATURE, 'bullmq', () => import('bullmq'));
  const backend = await open(bull);
  return new BullQueueDriver({
    bull,
    backend,
    events,
    settingsOf: (queue) => catalog.settings(queue),
  });
}

import { randomUUID } from 'node:crypto';
import * as bull from 'bullmq';
import { EventStream } from '../../../src/common/events/index.js';
import type { RedisTarget } from '../../../src/common/redis/index.js';
import { BullQueueDriver } from '../../../src/modules/queue/drivers/bull-queue.driver.js';
import type { BullBackend } from '../../../src/modules/queue/drivers/bull-backend.js';
import { RedisBullBackend } from '../../../src/modules/queue/drivers/redis-bull-backend.js';
import { resolveRedisOptions } from '../../../src/common/redis/resolve-redis-options.js';
import { RedisConnections } from '../../../src/common/redis/index.js';
import type {
  NewJob,
  QueueConsumer,
  QueueSettings,
} from '../../../src/modules/queue/queue.driver.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';
import { assertTopology } from '../../support/redis/topology.js';

/** A driver of a suite, with queues nobody else uses. */
export interface QueueFixture {
  readonly driver: BullQueueDriver;
  readonly events: EventStream;
  close(): Promise<void>;
}

export interface QueueSubject {
  readonly open: () => Promise<QueueFixture>;
}

/** A lease that no test sees the end of, however slow the machine. */
const SETTINGS: QueueSettings = {
  attempts: 3,
  backoff: { type: 'fixed', delayMs: 5, maxDelayMs: 20, jitter: 0 },
  completed: { count: 100, ageMs: 3_600_000 },
  failed: { count: 100, ageMs: 3_600_000 },
  leaseMs: 60_000,
  stalledIntervalMs: 150,
};

/** For tests that wait for a lease to end. */
export const BRIEF: QueueSettings = { ...SETTINGS, leaseMs: 500 };

/**
 * Settings of one queue are made up from its name: `…-keep2` keeps two finished jobs, the leases of
 * `…-brief` are soon over.
 */
function settingsOf(queue: string): QueueSettings {
  if (queue.endsWith('-brief')) return BRIEF;
  const kept = /-keep(\d)$/.exec(queue)?.[1];
  if (kept === undefined) return SETTINGS;
  const retention = { count: Number(kept), ageMs: 3_600_000 };
  return { ...SETTINGS, completed: retention, failed: retention };
}

export function driverOn(backend: BullBackend, events = new EventStream()): BullQueueDriver {
  return new BullQueueDriver({ bull, backend, events, settingsOf });
}

export function freshQueue(suffix = ''): string {
  return `q-${randomUUID().slice(0, 8)}${suffix}`;
}

export function newJob(changes: Partial<NewJob> = {}): NewJob {
  return {
    id: randomUUID(),
    name: 'work',
    payload: { n: 1 },
    priority: 100,
    delayMs: 0,
    acceptedAt: Date.now(),
    attempts: SETTINGS.attempts,
    backoff: SETTINGS.backoff,
    ...changes,
  };
}

export async function openOnRedis(
  target: RedisTarget,
  topology: 'standalone' | 'cluster',
): Promise<QueueFixture> {
  const events = new EventStream();
  const options = resolveRedisOptions({
    connections: { default: target },
    prefix: uniquePrefix(),
    bootTimeout: '10s',
  });
  const redis = new RedisConnections(options, events);
  const connection = redis.use('queue', ['producer', 'worker']);
  await redis.onModuleInit();
  if (!connection.gate.isClosed) throw new Error('the test server did not answer in time');
  await assertTopology(connection.client('command'), topology);
  const driver = driverOn(new RedisBullBackend(bull, connection, 5_000), events);
  const close = async (): Promise<void> => {
    await driver.close();
    redis.onApplicationShutdown();
  };
  return { driver, events, close };
}

/** What a suite works with: the driver, and consumers that are closed after each test. */
export interface QueueBench {
  readonly driver: () => BullQueueDriver;
  readonly events: () => EventStream;
  readonly consume: (
    queue: string,
    handler: Parameters<BullQueueDriver['consume']>[1],
    concurrency?: number,
  ) => Promise<QueueConsumer>;
}

/** Opens the driver for the surrounding suite. */
export function useQueue(open: QueueSubject['open']): QueueBench {
  let fixture: QueueFixture | undefined;
  const consumers: QueueConsumer[] = [];
  const opened = (): QueueFixture => {
    if (fixture === undefined) throw new Error('it only works inside of tests and their hooks');
    return fixture;
  };
  beforeAll(async () => {
    fixture = await open();
  }, 60_000);
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.close(2_000)));
  });
  afterAll(() => fixture?.close());
  return {
    driver: () => opened().driver,
    events: () => opened().events,
    consume: async (queue, handler, concurrency = 1) => {
      const consumer = await opened().driver.consume(queue, handler, concurrency);
      consumers.push(consumer);
      return consumer;
    },
  };
}

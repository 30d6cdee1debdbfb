import * as bull from 'bullmq';
import { EventStream } from '../../../src/common/events/index.js';
import { RedisBullBackend } from '../../../src/modules/queue/drivers/redis-bull-backend.js';
import {
  closeWorker,
  SupervisedWorker,
} from '../../../src/modules/queue/drivers/supervised-worker.js';
import { openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { uniquePrefix, useRedis, useStarted } from '../../support/redis/shared-redis.js';
import { BRIEF, driverOn, freshQueue, newJob } from '../../contracts/queue/queue-fixtures.js';

const redis = useRedis('standalone');

describe('a worker that gives no sign of life', () => {
  it('is replaced, and its successor runs the jobs', async () => {
    const { connection, close } = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
    const events = new EventStream();
    const restarts: number[] = [];
    events.on('queue.worker-restarted', ({ silentMs }) => restarts.push(silentMs));
    const backend = new RedisBullBackend(bull, connection, 5_000);
    const driver = driverOn(backend, events);
    const queue = freshQueue();
    const seen: unknown[] = [];
    const worker = new SupervisedWorker({
      bull,
      backend,
      queue,
      events,
      settings: BRIEF,
      concurrency: 1,
      handler: async ({ payload }) => seen.push(payload),
      // Shorter than a worker waits for jobs, so that an idle one looks stuck.
      stuckAfterMs: 400,
    });
    await eventually(() => restarts.length > 0);
    expect(restarts[0]).toBeGreaterThanOrEqual(400);
    await driver.add(queue, newJob({ payload: 'after' }));
    await eventually(() => seen.length === 1);
    expect(worker.active).toBe(0);
    await expect(worker.close(1_000)).resolves.toBe(true);
    await driver.close();
    close();
  });
});

describe('a worker that was replaced', () => {
  it('has nothing to do with the jobs its successor counts', async () => {
    const { connection, close } = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
    const backend = new RedisBullBackend(bull, connection, 5_000);
    const driver = driverOn(backend);
    const queue = freshQueue();
    const active: number[] = [];
    const worker: SupervisedWorker = new SupervisedWorker({
      bull,
      backend,
      queue,
      events: new EventStream(),
      settings: BRIEF,
      // One job is no reason to be silent.
      concurrency: 2,
      handler: () => {
        active.push(worker.active);
        return new Promise(() => undefined);
      },
      stuckAfterMs: 400,
    });
    await driver.add(queue, newJob());
    await eventually(() => active.length >= 2, { timeoutMs: 15_000 });
    await worker.close(0);
    await driver.close();
    close();
    expect(active.slice(0, 2)).toEqual([1, 1]);
  }, 30_000);
});

describe('a producer that cannot connect while the rest is well', () => {
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: Number(new URL(redis().url).port) });
    await started.start();
    return started;
  });

  it('is waited for by all jobs together, and leaves nothing behind', async () => {
    const { connection, close } = await openRedis({ url: proxy().url }, { prefix: uniquePrefix() });
    const driver = driverOn(new RedisBullBackend(bull, connection, 20));
    const producer = connection.client('producer');
    await proxy().refuse();
    const listeners: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      await driver.add('emails', newJob()).catch(() => undefined);
      listeners.push(producer.listenerCount('ready'));
    }
    const { isClosed } = connection.gate;
    await proxy().heal();
    const added = eventually(() => driver.add('emails', newJob()), { timeoutMs: 10_000 });
    await added.catch(() => undefined);
    await driver.close();
    close();
    await expect(added).resolves.toMatchObject({ status: 'queued' });
    expect(isClosed).toBe(true);
    expect(listeners.at(-1)).toBeLessThanOrEqual(listeners[0] ?? 0);
  }, 40_000);
});

describe('closing a worker', () => {
  afterEach(() => jest.useRealTimers());

  it.each([
    ['for a job that came with the last answer', true],
    ['not for a connection that does not end', false],
  ])('waits as long as it may %s', async (_for, isBusy) => {
    jest.useFakeTimers();
    const cancelAllJobs = jest.fn();
    const worker = {
      getBackend: () => ({ disconnectBlocking: async () => undefined }),
      pause: () => new Promise((resolve) => setTimeout(resolve, 5_000)),
      close: async () => undefined,
      cancelAllJobs,
    };
    const closed = closeWorker(worker as never, 10_000, () => isBusy);
    await jest.advanceTimersByTimeAsync(5_000);
    await expect(closed).resolves.toBe(isBusy);
    expect(cancelAllJobs).toHaveBeenCalledTimes(isBusy ? 0 : 1);
  });
});

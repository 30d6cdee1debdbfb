import * as bull from 'bullmq';
import { EventStream } from '../../../src/common/events/index.js';
import { RedisBullBackend } from '../../../src/modules/queue/drivers/redis-bull-backend.js';
import { SupervisedWorker } from '../../../src/modules/queue/drivers/supervised-worker.js';
import { openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { driverOn, freshQueue, newJob, SETTINGS } from '../../contracts/queue/queue-fixtures.js';

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
      settings: SETTINGS,
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

import { PermanentJobError } from '../../../src/modules/queue/queue.errors.js';
import type { RunningJob } from '../../../src/modules/queue/queue.driver.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { freshQueue, newJob, type QueueSubject, useQueue } from './queue-fixtures.js';

export function consumeSuite({ open }: QueueSubject): void {
  const { driver, events, consume } = useQueue(open);

  async function stateOf(queue: string, id: string): Promise<string | undefined> {
    return (await driver().find(queue, id))?.state;
  }

  it('a handler gets each job once, with what it has to know', async () => {
    const queue = freshQueue();
    const seen: RunningJob[] = [];
    await consume(queue, async (job) => {
      seen.push(job);
      return { done: job.payload };
    });
    const job = newJob({ name: 'send', payload: { to: 'ada' } });
    await driver().add(queue, job);
    await eventually(async () => (await stateOf(queue, job.id)) === 'completed');
    expect(seen).toEqual([
      {
        id: job.id,
        queue,
        name: 'send',
        payload: { to: 'ada' },
        attempt: 1,
        maxAttempts: 3,
        signal: expect.any(AbortSignal) as unknown,
      },
    ]);
    expect((await driver().find(queue, job.id))?.result).toEqual({ done: { to: 'ada' } });
  });

  it('jobs that were stored before the consumer are run, in the order of their priorities', async () => {
    const queue = freshQueue();
    for (const priority of [50, 5, 500])
      await driver().add(queue, newJob({ priority, payload: priority }));
    const seen: unknown[] = [];
    await consume(queue, async ({ payload }) => seen.push(payload));
    await eventually(() => seen.length === 3);
    expect(seen).toEqual([5, 50, 500]);
  });

  it('no more than `concurrency` jobs run at once', async () => {
    const queue = freshQueue();
    let running = 0;
    const peaks: number[] = [];
    for (let n = 0; n < 12; n += 1) await driver().add(queue, newJob());
    await consume(
      queue,
      async () => {
        running += 1;
        peaks.push(running);
        await new Promise((resolve) => setTimeout(resolve, 10));
        running -= 1;
      },
      4,
    );
    await eventually(async () => (await driver().counts(queue)).completed === 12);
    expect(Math.max(...peaks)).toBe(4);
  });

  it('a job that fails is tried again with its back-off, and its failures are told', async () => {
    const queue = freshQueue();
    const failures: unknown[] = [];
    const stop = events().on('queue.failed', ({ attempt, isFinal }) =>
      failures.push([attempt, isFinal]),
    );
    const attempts: number[] = [];
    await consume(queue, async ({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error(`attempt ${attempt}`);
    });
    const job = newJob();
    await driver().add(queue, job);
    await eventually(async () => (await stateOf(queue, job.id)) === 'completed', {
      timeoutMs: 10_000,
    });
    expect(attempts).toEqual([1, 2, 3]);
    expect(failures).toEqual([
      [1, false],
      [2, false],
    ]);
    stop();
  });

  it('a job fails for good after its last attempt, or at once with a permanent error', async () => {
    const queue = freshQueue();
    const attempts: string[] = [];
    await consume(queue, async ({ name }) => {
      attempts.push(name);
      throw name === 'never' ? new PermanentJobError('pointless') : new Error('boom');
    });
    const often = newJob({ name: 'often' });
    const never = newJob({ name: 'never' });
    await driver().add(queue, often);
    await driver().add(queue, never);
    await eventually(async () => (await driver().counts(queue)).failed === 2, {
      timeoutMs: 10_000,
    });
    expect(attempts.filter((name) => name === 'often')).toHaveLength(3);
    expect(attempts.filter((name) => name === 'never')).toHaveLength(1);
    expect((await driver().find(queue, never.id))?.failedReason).toBe('pointless');
  });

  it('closing waits for the job that runs and takes no other', async () => {
    const queue = freshQueue();
    const [started, finish] = [new Deferred<void>(), new Deferred<void>()];
    const consumer = await consume(queue, async () => {
      started.resolve();
      await finish.promise;
    });
    await driver().add(queue, newJob());
    await driver().add(queue, newJob());
    await started.promise;
    const closed = consumer.close(10_000);
    finish.resolve();
    await expect(closed).resolves.toBe(true);
    await expect(driver().counts(queue)).resolves.toMatchObject({ completed: 1, waiting: 1 });
  });

  it('a job whose handler does not end in time is told to stop, and runs again elsewhere', async () => {
    const queue = freshQueue('-brief');
    const signals: AbortSignal[] = [];
    const stuck = await consume(queue, ({ signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    const job = newJob();
    await driver().add(queue, job);
    await eventually(() => signals.length === 1);
    await expect(stuck.close(50)).resolves.toBe(false);
    expect(signals[0]?.aborted).toBe(true);
    await consume(queue, async ({ attempt }) => attempt);
    await eventually(async () => (await stateOf(queue, job.id)) === 'completed', {
      timeoutMs: 15_000,
    });
    expect((await driver().find(queue, job.id))?.result).toBe(2);
  });
}

import { PermanentJobError } from '../../../src/modules/queue/queue.errors.js';
import { eventually } from '../../support/eventually.js';
import { BRIEF, freshQueue, newJob, type QueueSubject, useQueue } from './queue-fixtures.js';

export function leaseSuite({ open }: QueueSubject): void {
  const { driver } = useQueue(open);

  it('an empty queue gives nothing, at once or after the wait', async () => {
    const queue = freshQueue();
    await expect(driver().take(queue, 0)).resolves.toBeUndefined();
    const startedAt = performance.now();
    await expect(driver().take(queue, 300)).resolves.toBeUndefined();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
  });

  it('a waiting caller gets a job as soon as there is one', async () => {
    const queue = freshQueue();
    const waiting = driver().take(queue, 10_000);
    const startedAt = performance.now();
    const job = newJob();
    await driver().add(queue, job);
    expect((await waiting)?.job).toMatchObject({ id: job.id, state: 'active' });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('of several waiting callers each gets another job', async () => {
    const queue = freshQueue();
    const waiting = [1, 2, 3].map(() => driver().take(queue, 10_000));
    const jobs = [newJob(), newJob(), newJob()];
    for (const job of jobs) await driver().add(queue, job);
    const ids = (await Promise.all(waiting)).map((lease) => String(lease?.job.id));
    expect(ids.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
  });

  it('a completed job keeps its result', async () => {
    const queue = freshQueue();
    const job = newJob();
    await driver().add(queue, job);
    const lease = await driver().take(queue, 0);
    await expect(lease?.complete({ sent: 3 })).resolves.toBe('completed');
    await expect(driver().find(queue, job.id)).resolves.toMatchObject({
      state: 'completed',
      result: { sent: 3 },
      attemptsMade: 1,
      attemptsStarted: 1,
    });
  });

  it('a failed job is tried as often as it may be, then it is failed for good', async () => {
    const queue = freshQueue();
    const job = newJob({ attempts: 2 });
    await driver().add(queue, job);
    const first = await driver().take(queue, 1_000);
    await expect(first?.fail(new Error('no route'))).resolves.toBe('retrying');
    const second = await driver().take(queue, 5_000);
    expect(second?.job).toMatchObject({ id: job.id, attemptsStarted: 2 });
    await expect(second?.fail(new Error('still none'))).resolves.toBe('failed');
    await expect(driver().find(queue, job.id)).resolves.toMatchObject({
      state: 'failed',
      failedReason: 'still none',
      attemptsMade: 2,
    });
  });

  it('a permanent error ends a job that has attempts left', async () => {
    const queue = freshQueue();
    const job = newJob();
    await driver().add(queue, job);
    const lease = await driver().take(queue, 0);
    await expect(lease?.fail(new PermanentJobError('gone'))).resolves.toBe('failed');
    await expect(driver().find(queue, job.id)).resolves.toMatchObject({ state: 'failed' });
  });

  it('an abandoned lease goes to another, and its first holder can do nothing more', async () => {
    const queue = freshQueue('-brief');
    const job = newJob();
    await driver().add(queue, job);
    const first = await driver().take(queue, 0);
    const second = await driver().take(queue, 10_000);
    // Before a slow machine lets this one end as well.
    await expect(second?.extend(60_000)).resolves.toBe('extended');
    expect(second?.job).toMatchObject({ id: job.id, attemptsStarted: 2 });
    await expect(first?.complete()).resolves.toBe('lost');
    await expect(first?.fail(new Error('late'))).resolves.toBe('lost');
    await expect(first?.extend(10_000)).resolves.toBe('lost');
    await expect(second?.complete()).resolves.toBe('completed');
  });

  it('a job that is given back is the next to run, and its first holder has lost it', async () => {
    const queue = freshQueue();
    const [one, two] = [newJob(), newJob()];
    await driver().add(queue, one);
    await driver().add(queue, two);
    const first = await driver().take(queue, 0);
    await expect(first?.release()).resolves.toBe('released');
    await expect(first?.complete()).resolves.toBe('lost');
    const again = await driver().take(queue, 0);
    expect(again?.job).toMatchObject({ id: one.id, attemptsMade: 0 });
    await expect(again?.complete()).resolves.toBe('completed');
  });

  it('an extended lease outlives its first term', async () => {
    const queue = freshQueue('-brief');
    await driver().add(queue, newJob());
    const lease = await driver().take(queue, 0);
    await expect(lease?.extend(30_000)).resolves.toBe('extended');
    await expect(driver().take(queue, BRIEF.leaseMs * 3)).resolves.toBeUndefined();
    await expect(lease?.complete()).resolves.toBe('completed');
  });

  it('a job whose holders all vanish is failed when its attempts are used up', async () => {
    const queue = freshQueue('-brief');
    const job = newJob({ attempts: 2 });
    await driver().add(queue, job);
    expect(await driver().take(queue, 0)).toBeDefined();
    expect(await driver().take(queue, 10_000)).toBeDefined();
    await eventually(
      async () => {
        expect(await driver().take(queue, 0)).toBeUndefined();
        const { state, failedReason } = (await driver().find(queue, job.id)) ?? {};
        expect([state, failedReason]).toEqual(['failed', expect.stringMatching(/EXHAUSTED/)]);
      },
      { timeoutMs: 10_000 },
    );
  });
}

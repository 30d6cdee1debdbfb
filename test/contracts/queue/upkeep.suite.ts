import { eventually } from '../../support/eventually.js';
import { freshQueue, newJob, type QueueSubject, useQueue } from './queue-fixtures.js';

const ALL = { offset: 0, limit: 100 };

export function upkeepSuite({ open }: QueueSubject): void {
  const { driver, consume } = useQueue(open);

  it('counts jobs by state', async () => {
    const queue = freshQueue();
    const none = { waiting: 0, active: 0, delayed: 0, completed: 0, failed: 0 };
    await expect(driver().counts(queue)).resolves.toEqual(none);
    for (let n = 0; n < 4; n += 1) await driver().add(queue, newJob({ attempts: 1 }));
    await driver().add(queue, newJob({ delayMs: 60_000 }));
    await (await driver().take(queue, 0))?.complete();
    await (await driver().take(queue, 0))?.fail(new Error('no'));
    await driver().take(queue, 0);
    await expect(driver().counts(queue)).resolves.toEqual({
      waiting: 1,
      active: 1,
      delayed: 1,
      completed: 1,
      failed: 1,
    });
  });

  it('lists a range of a state', async () => {
    const queue = freshQueue();
    const jobs = Array.from({ length: 5 }, (_, n) => newJob({ payload: n }));
    for (const job of jobs) await driver().add(queue, job);
    const page = await driver().list(queue, 'waiting', { offset: 1, limit: 2 });
    expect(page.map(({ payload }) => payload)).toEqual([1, 2]);
    await expect(driver().list(queue, 'waiting', { offset: 9, limit: 2 })).resolves.toEqual([]);
    await expect(driver().list(queue, 'failed', ALL)).resolves.toEqual([]);
  });

  it('lists a range over jobs of any priority, in the order in which they would run', async () => {
    const queue = freshQueue();
    const jobs = [5, 0, 3, 0, 5].map((priority, n) => newJob({ payload: n, priority }));
    for (const job of jobs) await driver().add(queue, job);
    const all = await driver().list(queue, 'waiting', ALL);
    for (const offset of [0, 1, 2, 3, 4]) {
      const page = await driver().list(queue, 'waiting', { offset, limit: 2 });
      expect(page).toEqual(all.slice(offset, offset + 2));
    }
  });

  it('removes a job, except one that runs', async () => {
    const queue = freshQueue();
    const [one, two] = [newJob({ priority: 1 }), newJob()];
    await driver().add(queue, one);
    await driver().add(queue, two);
    const lease = await driver().take(queue, 0);
    expect(lease?.job.id).toBe(one.id);
    await expect(driver().remove(queue, one.id)).resolves.toBe('active');
    await expect(driver().remove(queue, two.id)).resolves.toBe('removed');
    await expect(driver().remove(queue, two.id)).resolves.toBe('absent');
    await expect(driver().find(queue, two.id)).resolves.toBeUndefined();
    await expect(lease?.complete()).resolves.toBe('completed');
    await expect(driver().remove(queue, one.id)).resolves.toBe('removed');
  });

  it('runs a failed job again with all its attempts', async () => {
    const queue = freshQueue();
    const job = newJob({ attempts: 1 });
    await driver().add(queue, job);
    await (await driver().take(queue, 0))?.fail(new Error('no'));
    await expect(driver().retry(queue, job.id)).resolves.toBe('retried');
    await expect(driver().retry(queue, job.id)).resolves.toBe('not-failed');
    await expect(driver().retry(queue, 'nobody')).resolves.toBe('absent');
    const again = await driver().take(queue, 1_000);
    expect(again?.job).toMatchObject({ id: job.id, attemptsStarted: 1, attemptsMade: 0 });
    await expect(again?.complete()).resolves.toBe('completed');
  });

  it('hands out nothing while paused, and everything afterwards', async () => {
    const queue = freshQueue();
    const seen: unknown[] = [];
    await consume(queue, async ({ payload }) => seen.push(payload));
    await driver().pause(queue);
    await expect(driver().isPaused(queue)).resolves.toBe(true);
    await driver().add(queue, newJob({ payload: 'later' }));
    await expect(driver().take(queue, 200)).resolves.toBeUndefined();
    expect(seen).toEqual([]);
    await expect(driver().counts(queue)).resolves.toMatchObject({ waiting: 1 });
    await driver().resume(queue);
    await expect(driver().isPaused(queue)).resolves.toBe(false);
    await eventually(() => seen.length === 1);
  });

  it('cleans one state, at most so many and only what is old enough', async () => {
    const queue = freshQueue();
    for (let n = 0; n < 4; n += 1) {
      await driver().add(queue, newJob());
      await (await driver().take(queue, 0))?.complete();
    }
    await driver().add(queue, newJob());
    const completed = { state: 'completed', olderThanMs: 0 } as const;
    await expect(
      driver().clean(queue, { ...completed, olderThanMs: 60_000, limit: 10 }),
    ).resolves.toBe(0);
    await expect(driver().clean(queue, { ...completed, limit: 3 })).resolves.toBe(3);
    await expect(driver().clean(queue, { ...completed, limit: 3 })).resolves.toBe(1);
    const waiting = { state: 'waiting', olderThanMs: 0, limit: 10 } as const;
    await expect(driver().counts(queue)).resolves.toMatchObject({ waiting: 1, completed: 0 });
    await expect(driver().clean(queue, waiting)).resolves.toBe(1);
  });

  it('keeps as many finished jobs as it was told', async () => {
    const queue = freshQueue('-keep2');
    const jobs = Array.from({ length: 4 }, () => newJob({ attempts: 1 }));
    for (const job of jobs) {
      await driver().add(queue, job);
      await (await driver().take(queue, 0))?.complete();
    }
    const kept = await driver().list(queue, 'completed', ALL);
    expect(kept.map(({ id }) => id)).toEqual([jobs[3]?.id, jobs[2]?.id]);
  });

  it('one queue that is paused or full of failures does not hold up another', async () => {
    const [paused, other] = [freshQueue(), freshQueue()];
    await driver().pause(paused);
    await driver().add(paused, newJob());
    await driver().add(other, newJob());
    await expect(driver().take(other, 1_000)).resolves.toBeDefined();
  });
}

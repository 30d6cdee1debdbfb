import type { NewJob } from '../../../src/modules/queue/queue.driver.js';
import { freshQueue, newJob, type QueueSubject, useQueue } from './queue-fixtures.js';

export function enqueueSuite({ open }: QueueSubject): void {
  const { driver } = useQueue(open);

  it('a job that is stored comes back as it was given', async () => {
    const queue = freshQueue();
    const payload = {
      text: 'ä€😀',
      list: [1, null, { deep: true }],
      empty: {},
      big: 'x'.repeat(1_000),
    };
    const job = newJob({ name: 'send', payload, priority: 7 });
    await expect(driver().add(queue, job)).resolves.toEqual({ id: job.id, status: 'queued' });
    await expect(driver().find(queue, job.id)).resolves.toEqual({
      id: job.id,
      queue,
      name: 'send',
      payload,
      state: 'waiting',
      priority: 7,
      maxAttempts: 3,
      attemptsMade: 0,
      attemptsStarted: 0,
      createdAt: job.acceptedAt,
    });
  });

  it('a payload of 1 MB survives', async () => {
    const queue = freshQueue();
    const job = newJob({ payload: 'é'.repeat(500_000) });
    await driver().add(queue, job);
    expect((await driver().find(queue, job.id))?.payload).toBe(job.payload);
  });

  it('lower priority numbers run first, jobs of one priority in their order', async () => {
    const queue = freshQueue();
    const order = [
      ['low', 1_000],
      ['first', 100],
      ['critical', 1],
      ['second', 100],
      ['high', 10],
    ] as const;
    for (const [name, priority] of order) await driver().add(queue, newJob({ name, priority }));
    const waiting = await driver().list(queue, 'waiting', { offset: 0, limit: 10 });
    expect(waiting.map(({ name }) => name)).toEqual(['critical', 'high', 'first', 'second', 'low']);
    const taken: (string | undefined)[] = [];
    for (const _job of order) taken.push((await driver().take(queue, 0))?.job.name);
    expect(taken).toEqual(['critical', 'high', 'first', 'second', 'low']);
  });

  it('a job with an id that is there is not added again', async () => {
    const queue = freshQueue();
    const job = newJob();
    await Promise.all([1, 2, 3].map(() => driver().add(queue, job)));
    await driver().add(queue, { ...job, payload: 'another' });
    await expect(driver().counts(queue)).resolves.toMatchObject({ waiting: 1 });
    expect((await driver().find(queue, job.id))?.payload).toEqual(job.payload);
  });

  it('of callers that give the same id one is told that it stored the job', async () => {
    const queue = freshQueue();
    const job = newJob({ isIdGiven: true });
    const added = await Promise.all([1, 2, 3, 4, 5].map(() => driver().add(queue, { ...job })));
    const statuses = added.map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([...Array<string>(4).fill('duplicate'), 'queued']);
    expect(new Set(added.map(({ id }) => id))).toEqual(new Set([job.id]));
    const duplicate = { id: job.id, status: 'duplicate' };
    await expect(driver().add(queue, { ...job, delayMs: 9 })).resolves.toEqual(duplicate);
    await (await driver().take(queue, 0))?.complete();
    await expect(driver().add(queue, job)).resolves.toEqual(duplicate);
    await driver().remove(queue, job.id);
    await expect(driver().add(queue, job)).resolves.toEqual({ id: job.id, status: 'queued' });
  });

  it('several jobs stored at once run in their order, and none that is there already', async () => {
    const queue = freshQueue();
    const jobs = Array.from({ length: 20 }, (_, n) => newJob({ payload: n }));
    const [first, ...others] = jobs as [NewJob, ...NewJob[]];
    await driver().add(queue, first);
    await driver().addAll(queue, [first, ...others]);
    await driver().addAll(queue, others);
    const waiting = await driver().list(queue, 'waiting', { offset: 0, limit: 100 });
    expect(waiting.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
  });

  it('an id counts in its own queue only', async () => {
    const [one, two] = [freshQueue(), freshQueue()];
    const job = newJob();
    await driver().add(one, job);
    await driver().add(two, job);
    await expect(driver().counts(two)).resolves.toMatchObject({ waiting: 1 });
  });

  it('a job is a duplicate while the first with its deduplication id has not finished', async () => {
    const queue = freshQueue();
    const first = newJob({ deduplicationId: 'report' });
    await driver().add(queue, first);
    const second = await driver().add(queue, newJob({ deduplicationId: 'report' }));
    expect(second).toEqual({ id: first.id, status: 'duplicate' });
    await (await driver().take(queue, 0))?.complete();
    const third = await driver().add(queue, newJob({ deduplicationId: 'report' }));
    expect(third.status).toBe('queued');
    expect(third.id).not.toBe(first.id);
  });

  it('a delayed job is not handed out before it is due', async () => {
    const queue = freshQueue();
    const late = newJob({ delayMs: 60_000 });
    await driver().add(queue, late);
    await expect(driver().take(queue, 0)).resolves.toBeUndefined();
    const stored = await driver().find(queue, late.id);
    expect(stored).toMatchObject({ state: 'delayed', runAt: late.acceptedAt + 60_000 });
    const soon = newJob({ delayMs: 400 });
    await driver().add(queue, soon);
    const lease = await driver().take(queue, 5_000);
    expect(lease?.job.id).toBe(soon.id);
    expect(Date.now()).toBeGreaterThanOrEqual(soon.acceptedAt + 400);
  });

  it('a delay counts from when the job was accepted, not from when it is stored', async () => {
    const queue = freshQueue();
    await driver().add(queue, newJob({ delayMs: 60_000, acceptedAt: Date.now() - 60_001 }));
    expect(await driver().take(queue, 3_000)).toBeDefined();
  });

  it('50 parallel producers store 50 jobs, each handed out once', async () => {
    const queue = freshQueue();
    const jobs = Array.from({ length: 50 }, (_, n) => newJob({ payload: n }));
    await Promise.all(jobs.map((job) => driver().add(queue, job)));
    const leases = await Promise.all(jobs.map(() => driver().take(queue, 0)));
    const payloads = leases.map((lease) => Number(lease?.job.payload));
    expect(payloads.toSorted((a, b) => a - b)).toEqual(jobs.map((_, n) => n));
    await expect(driver().take(queue, 0)).resolves.toBeUndefined();
  });
}

import { Test, type TestingModule } from '@nestjs/testing';
import { EventStream } from '../../../src/common/events/index.js';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import { CLOCK } from '../../../src/common/time/index.js';
import { resolveJob, type EnqueueOptions } from '../../../src/modules/queue/job-options.js';
import { BufferedIntake } from '../../../src/modules/queue/buffered-intake.js';
import { backoffMs } from '../../../src/modules/queue/drivers/job-records.js';
import {
  type AddedJob,
  type NewJob,
  QueueBackendDownError,
  QueueDriver,
  QueueModule,
  QueueService,
} from '../../../src/modules/queue/index.js';
import { resolveQueueOptions } from '../../../src/modules/queue/queue.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Stores what it is given, while it is up. */
class FakeDriver {
  readonly backing = 'redis';
  readonly added: NewJob[] = [];
  isServing = true;
  failsWith: Error | undefined;
  refusedId: string | undefined;
  /** How long a call takes. */
  latency: () => Promise<unknown> = async () => undefined;

  async add(queue: string, job: NewJob): Promise<AddedJob> {
    await this.addAll(queue, [job]);
    return { id: job.id, status: 'queued' };
  }

  /** All of them or none, like a database. */
  async addAll(_queue: string, jobs: readonly NewJob[]): Promise<void> {
    await this.latency();
    if (this.failsWith !== undefined) throw this.failsWith;
    if (jobs.some(({ id }) => id === this.refusedId)) throw new TypeError('a bug');
    this.added.push(...jobs);
  }

  async drain(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}
}

describe('QueueService', () => {
  const driver = new FakeDriver();
  const clock = new FakeClock();
  let module: TestingModule;
  let queues: QueueService;

  beforeAll(async () => {
    module = await Test.createTestingModule({
      imports: [
        QueueModule.forRoot({
          queues: ['emails', { name: 'patient', attempts: 9, backoff: { maxDelay: '1h' } }],
          maxPayloadBytes: 100,
        }),
      ],
    })
      .overrideProvider(QueueDriver)
      .useValue(driver)
      .overrideProvider(CLOCK)
      .useValue(clock)
      .compile();
    await module.init();
    queues = module.get(QueueService);
  });

  afterAll(() => module.close());

  async function enqueued(options: EnqueueOptions, queue = 'emails'): Promise<NewJob | undefined> {
    await queues.enqueue(queue, 'welcome', { to: 'ada' }, options);
    return driver.added.at(-1);
  }

  it('gives a job the defaults of its queue', async () => {
    await expect(enqueued({})).resolves.toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      name: 'welcome',
      payload: { to: 'ada' },
      priority: 100,
      delayMs: 0,
      acceptedAt: clock.now(),
      attempts: 3,
      backoff: { type: 'exponential', delayMs: 1_000, maxDelayMs: 300_000, jitter: 0.5 },
    });
    await expect(enqueued({}, 'patient')).resolves.toMatchObject({
      attempts: 9,
      backoff: { delayMs: 1_000, maxDelayMs: 3_600_000 },
    });
  });

  it('gives a job what its caller wants', async () => {
    const options = {
      priority: 'critical',
      delay: '5m',
      attempts: 1,
      backoff: { type: 'fixed', delay: 10 },
      deduplicationId: 'd',
      jobId: 'mine',
    } as const;
    await expect(enqueued(options)).resolves.toMatchObject({
      id: 'mine',
      isIdGiven: true,
      priority: 1,
      delayMs: 300_000,
      attempts: 1,
      deduplicationId: 'd',
      backoff: { type: 'fixed', delayMs: 10 },
    });
  });

  it.each([
    [{ priority: 0 }, 'job.priority'],
    [{ priority: 1.5 }, 'job.priority'],
    [{ delay: -1 }, 'job.delay'],
    [{ attempts: 0 }, 'job.attempts'],
    [{ backoff: { jitter: 2 } }, 'job.backoff.jitter'],
    [{ jobId: 'a:b' }, 'job.jobId'],
    [{ jobId: '' }, 'job.jobId'],
    [{ repeat: 'daily' }, 'job.repeat'],
  ])('refuses %j', async (options, option) => {
    await expect(enqueued(options as never)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option,
    });
  });

  it.each([
    ['a bigint', 1n],
    ['a function', () => 1],
    ['nothing', undefined],
    ['more than the limit', 'x'.repeat(99)],
  ])('refuses a payload that is %s', async (_what, payload) => {
    await expect(queues.enqueue('emails', 'welcome', payload)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'payload',
    });
  });

  it('does not know queues that were not declared', async () => {
    const calls = [
      queues.enqueue('other', 'x', {}),
      queues.dequeue('other'),
      queues.counts('other'),
      queues.pause('other'),
      queues.clean('other'),
    ];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({ code: 'E_QUEUE_UNKNOWN', queue: 'other' });
    }
  });

  it('what the caller changes afterwards does not reach the job', () => {
    const payload = { to: 'ada' };
    const { defaults: settings } = resolveQueueOptions({});
    const job = resolveJob(
      { name: 'x', payload, options: {} },
      { settings, maxPayloadBytes: 1_000, now: 0 },
    );
    payload.to = 'eve';
    expect(job.payload).toEqual({ to: 'ada' });
  });

  it('is shown as a service', () => {
    const status = module.get(ServiceRegistry).list();
    const queue = status.find(({ service }) => service === 'queue');
    expect([queue?.backing(), queue?.isServing()]).toEqual(['redis', true]);
  });
});

describe('the options of queues', () => {
  it.each([
    [{ queues: ['a:b'] }, 'queue.queues.0'],
    [{ queues: [{ name: 'a', attempts: 0 }] }, 'queue.queues.0.attempts'],
    [{ attempts: 101 }, 'queue.attempts'],
    [{ onBackendDown: 'memory' }, 'queue.onBackendDown'],
    [{ databaseUrl: 'mysql://x' }, 'queue.databaseUrl'],
    [{ lease: '0s' }, 'queue.lease'],
    [{ prefix: 'x' }, 'queue.prefix'],
  ])('%j stop the boot, naming the option', (options, option) => {
    expect(() => resolveQueueOptions(options as never)).toThrow(
      expect.objectContaining({ code: 'E_INVALID_OPTION', option }),
    );
  });
});

describe('the wait before another attempt', () => {
  const base = { type: 'exponential', delayMs: 100, maxDelayMs: 1_000, jitter: 0 } as const;

  it('doubles up to its limit', () => {
    const waits = [1, 2, 3, 4, 5, 90].map((made) => backoffMs(made, base));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('stays the same when fixed', () => {
    expect([1, 5].map((made) => backoffMs(made, { ...base, type: 'fixed' }))).toEqual([100, 100]);
  });

  it('is random within its share', () => {
    const waits = Array.from({ length: 200 }, () => backoffMs(4, { ...base, jitter: 0.5 }));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(400);
    expect(Math.max(...waits)).toBeLessThanOrEqual(800);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });
});

describe('the policy buffer', () => {
  function job(id: string): NewJob {
    return { id } as NewJob;
  }

  it('keeps the order of jobs through an outage, and a job whose answer was lost', async () => {
    const driver = new FakeDriver();
    const events = new EventStream();
    const replayed: number[] = [];
    events.on('queue.replayed', ({ count }) => replayed.push(count));
    const intake = new BufferedIntake(driver as never, events, { maxBuffered: 10, retryMs: 5 });
    driver.failsWith = new QueueBackendDownError('unknown');
    await expect(intake.add('q', job('a'))).resolves.toEqual({ id: 'a', status: 'buffered' });
    driver.isServing = false;
    await intake.add('q', job('b'));
    driver.isServing = true;
    await expect(intake.add('q', job('c'))).resolves.toMatchObject({ status: 'buffered' });
    driver.failsWith = undefined;
    await eventually(() => intake.buffered === 0);
    await expect(intake.add('q', job('d'))).resolves.toMatchObject({ status: 'queued' });
    expect(driver.added.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
    expect(replayed).toEqual([3]);
    await intake.close();
  });

  function intakeOn(driver: FakeDriver, maxBuffered = 1_000, events = new EventStream()) {
    return new BufferedIntake(driver as never, events, { maxBuffered, retryMs: 5 });
  }

  it('comes to an end although jobs keep coming, and in their order', async () => {
    const driver = new FakeDriver();
    const started = new Deferred<void>();
    driver.latency = () => {
      started.resolve();
      return turn();
    };
    driver.isServing = false;
    const intake = intakeOn(driver);
    const given: string[] = [];
    const add = async (): Promise<string> => {
      const id = `job-${given.length}`;
      given.push(id);
      return (await intake.add('q', job(id))).status;
    };
    for (let n = 0; n < 500; n += 1) await add();
    driver.isServing = true;
    await started.promise;
    // Ten in the time of one call: more than could be stored one after the other.
    let last: readonly string[] = [];
    for (let round = 0; round < 60; round += 1) {
      last = await Promise.all(Array.from({ length: 10 }, add));
      await turn();
    }
    expect([new Set(last), intake.buffered]).toEqual([new Set(['queued']), 0]);
    expect(driver.added.map(({ id }) => id)).toEqual(given);
  });

  it('begins although jobs come more often than it is tried', async () => {
    jest.useFakeTimers();
    const driver = new FakeDriver();
    driver.failsWith = new QueueBackendDownError('unknown');
    const intake = new BufferedIntake(driver as never, new EventStream(), {
      maxBuffered: 100,
      retryMs: 20,
    });
    await intake.add('q', job('first'));
    driver.failsWith = undefined;
    for (let n = 0; n < 6; n += 1) {
      await intake.add('q', job(`job-${n}`));
      await jest.advanceTimersByTimeAsync(10);
    }
    jest.useRealTimers();
    expect(intake.buffered).toBe(0);
    await expect(intake.add('q', job('last'))).resolves.toMatchObject({ status: 'queued' });
  });

  it('lets a job that comes while the last of the others are under way wait for them', async () => {
    const driver = new FakeDriver();
    driver.isServing = false;
    const intake = intakeOn(driver);
    await intake.add('q', job('a'));
    const answer = new Deferred<void>();
    const sent = new Deferred<void>();
    driver.latency = async () => {
      sent.resolve();
      await answer.promise;
    };
    driver.isServing = true;
    await sent.promise;
    driver.latency = turn;
    const b = intake.add('q', job('b'));
    await expect(intake.add('other', job('c'))).resolves.toMatchObject({ status: 'queued' });
    answer.resolve();
    await expect(b).resolves.toMatchObject({ status: 'queued' });
    expect(driver.added.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  });

  it('lets a queue alone whose jobs do not wait', async () => {
    const driver = new FakeDriver();
    const intake = intakeOn(driver);
    driver.failsWith = new QueueBackendDownError('unknown');
    await intake.add('one', job('a'));
    driver.failsWith = undefined;
    await expect(intake.add('two', job('b'))).resolves.toMatchObject({ status: 'queued' });
    await expect(intake.add('one', job('c'))).resolves.toMatchObject({ status: 'buffered' });
    await intake.close();
    expect(driver.added.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
  });

  it('drops the one job that can never be stored, tells it, and stores the others', async () => {
    const driver = new FakeDriver();
    const events = new EventStream();
    const told: unknown[] = [];
    events.on('queue.buffer-lost', ({ count }) => told.push({ lost: count }));
    events.on('queue.replayed', ({ count }) => told.push({ replayed: count }));
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const intake = intakeOn(driver, 10, events);
    driver.isServing = false;
    for (const id of ['a', 'b', 'bad', 'd']) await intake.add('q', job(id));
    driver.refusedId = 'bad';
    driver.isServing = true;
    await eventually(() => intake.buffered === 0);
    expect(driver.added.map(({ id }) => id)).toEqual(['a', 'b', 'd']);
    expect(told).toEqual([{ lost: 1 }, { replayed: 3 }]);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });

  it('keeps no job any more once it is being closed', async () => {
    const driver = new FakeDriver();
    const events = new EventStream();
    const lost: number[] = [];
    events.on('queue.buffer-lost', ({ count }) => lost.push(count));
    const intake = intakeOn(driver, 10, events);
    driver.isServing = false;
    await intake.add('q', job('a'));
    const answer = new Deferred<void>();
    driver.latency = () => answer.promise;
    driver.failsWith = new QueueBackendDownError('unknown', 'b');
    driver.isServing = true;
    const underWay = intake.add('other', job('b'));
    driver.isServing = false;
    await intake.close();
    answer.resolve();
    const down = { code: 'E_QUEUE_BACKEND_DOWN' };
    await expect(underWay).rejects.toMatchObject({ ...down, outcome: 'unknown', jobId: 'b' });
    await expect(intake.add('q', job('c'))).rejects.toMatchObject({
      ...down,
      outcome: 'not-executed',
      jobId: 'c',
    });
    expect([lost, intake.buffered, intake.isBridging]).toEqual([[1], 1, false]);
  });

  it('stores what it holds when it is closed, or tells how much is lost', async () => {
    const driver = new FakeDriver();
    const events = new EventStream();
    const lost: number[] = [];
    events.on('queue.buffer-lost', ({ count }) => lost.push(count));
    const intake = new BufferedIntake(driver as never, events, { maxBuffered: 2 });
    driver.isServing = false;
    await intake.add('q', job('a'));
    await intake.add('q', job('b'));
    await expect(intake.add('q', job('c'))).rejects.toMatchObject({ code: 'E_QUEUE_BUFFER_FULL' });
    await intake.close();
    expect(lost).toEqual([2]);
    driver.isServing = true;
    await intake.close();
    expect(driver.added).toHaveLength(2);
  });

  it('passes errors on that are no outage', async () => {
    const driver = new FakeDriver();
    const intake = new BufferedIntake(driver as never, new EventStream(), { maxBuffered: 2 });
    driver.failsWith = new TypeError('a bug');
    await expect(intake.add('q', job('a'))).rejects.toThrow('a bug');
  });
});

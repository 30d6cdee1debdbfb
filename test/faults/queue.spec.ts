import type { TestingModule } from '@nestjs/testing';
import { EventStream } from '../../src/common/events/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { JobProcessor, OnJob, QueueService } from '../../src/modules/queue/index.js';
import { queueMetadata, startContext } from '../modules/queue/queue-app.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { useStarted } from '../support/redis/shared-redis.js';
import { timed } from '../support/stalls.js';

const seen: unknown[] = [];

@JobProcessor('emails')
class EmailProcessor {
  @OnJob('send')
  async send(payload: { n: number }): Promise<void> {
    seen.push(payload.n);
  }
}

/** An application, with a record of when its Redis went and came. */
class Subject {
  readonly degraded: string[] = [];
  readonly recovered: number[] = [];
  readonly replayed: number[] = [];

  private constructor(readonly app: TestingModule) {
    const events = app.get(EventStream);
    events.on('redis.degraded', ({ reason }) => this.degraded.push(reason));
    events.on('redis.recovered', ({ downMs }) => this.recovered.push(downMs));
    events.on('queue.replayed', ({ count }) => this.replayed.push(count));
  }

  static async start(url: string, onBackendDown: 'reject' | 'buffer', max = 5): Promise<Subject> {
    const metadata = queueMetadata(
      { url },
      { onBackendDown, maxBuffered: max, deadline: '1s', lease: 500, queues: ['idle'] },
      { providers: [EmailProcessor], bootTimeout: '1s' },
    );
    return new Subject(await startContext(metadata));
  }

  get queues(): QueueService {
    return this.app.get(QueueService);
  }

  get backing(): unknown {
    const status = this.app.get(ServiceRegistry).list();
    const queue = status.find(({ service }) => service === 'queue');
    return [queue?.backing(), queue?.isServing()];
  }

  send(n: number): Promise<{ readonly status: string }> {
    return this.queues.enqueue('emails', 'send', { n }, { jobId: `job-${n}` });
  }

  /** Whether it is stored now; an attempt before that failed may have done it. */
  async isStored(n: number): Promise<boolean> {
    return ['queued', 'duplicate'].includes((await this.send(n)).status);
  }

  async answersOnRedis(n: number): Promise<void> {
    await expect(this.send(n)).resolves.toMatchObject({ status: 'queued' });
    await eventually(() => seen.includes(n), { timeoutMs: 20_000 });
    expect(this.backing).toEqual(['redis', true]);
  }

  async isDegraded(): Promise<void> {
    await eventually(() => this.degraded.length > this.recovered.length);
  }

  async recovers(): Promise<void> {
    await eventually(() => this.recovered.length === this.degraded.length);
  }
}

describe('queues whose Redis fails', () => {
  const redis = useStarted(startStandalone);
  let subject: Subject | undefined;

  beforeEach(() => {
    seen.length = 0;
  });

  afterEach(async () => {
    await subject?.app.close();
    subject = undefined;
  });

  it('refuse jobs at once while it is killed, and its workers go on afterwards', async () => {
    subject = await Subject.start(redis().url, 'reject');
    await subject.answersOnRedis(1);
    await redis().process.kill();
    await subject.isDegraded();
    await expect(subject.send(2)).rejects.toMatchObject({
      code: 'E_QUEUE_BACKEND_DOWN',
      outcome: 'not-executed',
      jobId: 'job-2',
    });
    await expect(subject.queues.dequeue('idle')).rejects.toMatchObject({
      code: 'E_QUEUE_BACKEND_DOWN',
    });
    expect(subject.backing).toEqual(['none', false]);
    await redis().process.restart();
    await subject.recovers();
    await subject.answersOnRedis(3);
    expect(seen).not.toContain(2);
  });

  it('refuse jobs within the deadline while it is frozen; the same id later adds one job', async () => {
    subject = await Subject.start(redis().url, 'reject');
    await subject.answersOnRedis(1);
    redis().process.freeze();
    const refused = subject.send(2);
    const tookMs = await timed(() => refused.catch(() => undefined));
    await expect(refused).rejects.toMatchObject({
      code: 'E_QUEUE_BACKEND_DOWN',
      outcome: 'unknown',
    });
    expect(tookMs).toBeLessThan(2_000);
    redis().process.thaw();
    await eventually(() => subject?.isStored(2) ?? false);
    await subject.answersOnRedis(3);
    expect(seen.filter((n) => n === 2)).toHaveLength(1);
  });

  it('keep jobs with the policy buffer, and store exactly the accepted ones', async () => {
    subject = await Subject.start(redis().url, 'buffer', 3);
    await subject.answersOnRedis(1);
    await redis().process.kill();
    await subject.isDegraded();
    for (const n of [2, 3, 4]) {
      await expect(subject.send(n)).resolves.toMatchObject({ status: 'buffered' });
    }
    await expect(subject.send(5)).rejects.toMatchObject({ code: 'E_QUEUE_BUFFER_FULL' });
    expect(subject.backing).toEqual(['memory', false]);
    await redis().process.restart();
    await subject.recovers();
    await eventually(() => seen.length === 4, { timeoutMs: 20_000 });
    await subject.answersOnRedis(6);
    expect(seen).toEqual([1, 2, 3, 4, 6]);
    expect(subject.replayed).toEqual([3]);
  });

  it('start while it is away, and work once it is there', async () => {
    await redis().process.kill();
    subject = await Subject.start(redis().url, 'reject');
    await expect(subject.send(1)).rejects.toMatchObject({ code: 'E_QUEUE_BACKEND_DOWN' });
    await redis().process.restart();
    await eventually(() => subject?.isStored(1) ?? false);
    await eventually(() => seen.includes(1), { timeoutMs: 20_000 });
  });
});

describe('workers behind a network that swallows every byte', () => {
  const redis = useStarted(startStandalone);
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });

  it('notice, and run the jobs that come afterwards', async () => {
    seen.length = 0;
    const subject = await Subject.start(proxy().url, 'reject');
    await subject.answersOnRedis(1);
    await proxy().blackHole();
    await expect(subject.send(2)).rejects.toMatchObject({ code: 'E_QUEUE_BACKEND_DOWN' });
    await proxy().heal();
    // Dead sockets stay dead: the command client is replaced by the gate, the workers' by
    // themselves.
    await eventually(() => subject.isStored(3), {
      timeoutMs: 10_000,
    });
    await eventually(() => seen.includes(3), { timeoutMs: 25_000 });
    await subject.app.close();
  }, 45_000);
});

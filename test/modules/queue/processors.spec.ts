import { Inject, Injectable, type ModuleMetadata, Scope } from '@nestjs/common';
import { getQueueToken, InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import type { TestingModule } from '@nestjs/testing';
import type { Queue } from 'bullmq';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../../src/common/redis/index.js';
import { queueToken } from '../../../src/modules/queue/bull-hosts.js';
import {
  JobProcessor,
  OnJob,
  QueueModule,
  QueueService,
  QueueWorkers,
  type RunningJob,
} from '../../../src/modules/queue/index.js';
import { eventually } from '../../support/eventually.js';
import { useRedis } from '../../support/redis/shared-redis.js';
import { queueMetadata, startContext } from './queue-app.js';

const redis = useRedis('standalone');

@Injectable()
class Outbox {
  readonly sent: unknown[] = [];
}

class BaseProcessor {
  @Inject(Outbox) protected readonly outbox!: Outbox;

  @OnJob('inherited')
  async inherited(payload: unknown): Promise<void> {
    this.outbox.sent.push(['inherited', payload]);
  }
}

@JobProcessor('emails', { concurrency: 2 })
class EmailProcessor extends BaseProcessor {
  @OnJob('welcome')
  async welcome(payload: { to: string }, job: RunningJob): Promise<string> {
    this.outbox.sent.push([payload.to, job.name, job.attempt]);
    return 'sent';
  }

  @OnJob('chain')
  async chain(): Promise<void> {
    this.outbox.sent.push('chain');
  }
}

@JobProcessor('scoped')
@Injectable({ scope: Scope.REQUEST })
class ScopedProcessor {
  static made = 0;

  constructor(@Inject(Outbox) private readonly outbox: Outbox) {
    ScopedProcessor.made += 1;
  }

  @OnJob('count')
  async count(): Promise<void> {
    this.outbox.sent.push(ScopedProcessor.made);
  }
}

describe('processors of jobs', () => {
  let app: TestingModule | undefined;

  async function start(metadata: ModuleMetadata): Promise<TestingModule> {
    app = await startContext(queueMetadata({ url: redis().url }, {}, metadata));
    return app;
  }

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('run the jobs that have their name, also inherited ones', async () => {
    const module = await start({ providers: [Outbox, EmailProcessor] });
    const queues = module.get(QueueService);
    const { sent } = module.get(Outbox);
    const { id } = await queues.enqueue('emails', 'welcome', { to: 'ada' });
    await queues.enqueue('emails', 'inherited', 1);
    await eventually(() => sent.length === 2);
    expect(sent).toEqual(
      expect.arrayContaining([
        ['ada', 'welcome', 1],
        ['inherited', 1],
      ]),
    );
    await eventually(async () => (await queues.job('emails', id))?.state === 'completed');
    await expect(queues.job('emails', id)).resolves.toMatchObject({ result: 'sent' });
    expect(module.get(QueueWorkers).status()).toEqual([
      { queue: 'emails', active: 0, silentMs: expect.any(Number) as unknown },
    ]);
  });

  it('fail a job of unknown name at once and for good', async () => {
    const module = await start({ providers: [Outbox, EmailProcessor] });
    const queues = module.get(QueueService);
    const { id } = await queues.enqueue('emails', 'goodbye', {});
    await eventually(async () => (await queues.job('emails', id))?.state === 'failed');
    await expect(queues.job('emails', id)).resolves.toMatchObject({
      attemptsMade: 1,
      failedReason: expect.stringMatching(/^E_QUEUE_UNKNOWN_JOB: .*"goodbye"/) as unknown,
    });
  });

  it('that are request-scoped are made anew for each job', async () => {
    const module = await start({ providers: [Outbox, ScopedProcessor] });
    const queues = module.get(QueueService);
    const { sent } = module.get(Outbox);
    await queues.enqueue('scoped', 'count', {});
    await eventually(() => sent.length === 1);
    await queues.enqueue('scoped', 'count', {});
    await eventually(() => sent.length === 2);
    expect(Number(sent[1])).toBe(Number(sent[0]) + 1);
  });

  it('stop the boot when two of them take the same job', async () => {
    @JobProcessor('emails')
    class Another {
      @OnJob('welcome')
      async again(): Promise<void> {}
    }
    const boot = start({ providers: [Outbox, EmailProcessor, Another] });
    await expect(boot).rejects.toMatchObject({ code: 'E_QUEUE_DUPLICATE_HANDLER' });
    app = undefined;
  });

  it('are in the connection plan with a blocking client each', async () => {
    const module = await start({ providers: [Outbox, EmailProcessor, ScopedProcessor] });
    const plan = module.get<RedisConnections>(REDIS_CONNECTIONS).plan();
    expect(plan.find(({ role }) => role === 'worker')?.count).toBe(3);
  });

  it('that run when the application shuts down are waited for, and may still enqueue', async () => {
    let begun = false;
    @JobProcessor('slow')
    class SlowProcessor {
      constructor(@Inject(QueueService) private readonly queues: QueueService) {}

      @OnJob('work')
      async work(): Promise<void> {
        begun = true;
        await new Promise((resolve) => setTimeout(resolve, 200));
        await this.queues.enqueue('next', 'step', { from: 'slow' });
      }
    }
    const metadata = queueMetadata(
      { url: redis().url },
      { queues: ['next'], shutdownTimeout: '10s' },
      { providers: [SlowProcessor] },
    );
    const first = await startContext(metadata);
    const { id } = await first.get(QueueService).enqueue('slow', 'work', {});
    await eventually(() => begun);
    await first.close();
    app = await startContext({ ...metadata, providers: [] });
    const queues = app.get(QueueService);
    await expect(queues.counts('next')).resolves.toMatchObject({ waiting: 1 });
    await expect(queues.job('slow', id)).rejects.toMatchObject({ code: 'E_QUEUE_UNKNOWN' });
  });
});

@Processor('reports')
class ReportHost extends WorkerHost {
  static readonly done: unknown[] = [];

  async process(job: { data: unknown; attemptsStarted: number }): Promise<void> {
    if (job.attemptsStarted < 2) throw new Error('once more');
    ReportHost.done.push(job.data);
  }
}

@Injectable()
class Reporter {
  constructor(@InjectQueue('reports') readonly queue: Queue) {}
}

describe('registered queues', () => {
  it('are injected as BullMQ queues, and hosts of @nestjs/bullmq process them', async () => {
    expect(queueToken('reports')).toBe(getQueueToken('reports'));
    const metadata = queueMetadata(
      { url: redis().url },
      {},
      {
        imports: [QueueModule.registerQueue('reports', { name: 'archive', attempts: 7 })],
        providers: [Reporter, ReportHost],
      },
    );
    const app = await startContext(metadata);
    const { queue } = app.get(Reporter);
    const added = await queue.add('monthly', { month: 11 });
    expect(added.opts).toMatchObject({ priority: 100, attempts: 3 });
    const queues = app.get(QueueService);
    await eventually(() => ReportHost.done.length === 1);
    expect(ReportHost.done).toEqual([{ month: 11 }]);
    expect(queues.queues()).toEqual(['archive', 'reports']);
    const archived = await queues.enqueue('archive', 'store', {});
    await expect(queues.job('archive', archived.id)).resolves.toMatchObject({ maxAttempts: 7 });
    await app.close();
  });
});

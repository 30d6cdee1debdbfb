import { request, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { AdminModule } from '../../src/modules/admin/index.js';
import { HealthModule } from '../../src/modules/health/index.js';
import { QueueAdminController, QueueService } from '../../src/modules/queue/index.js';
import { queueMetadata } from '../modules/queue/queue-app.js';
import { PLATFORMS, startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { useRedis } from '../support/redis/shared-redis.js';

const TOKEN = 'a-token-of-an-operator';
const ROOT = '/api/v1/redis/queues';

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const redis = useRedis('standalone');

describe.each(PLATFORMS)('the endpoints for queues on %s', (platform) => {
  let server: TestApp;

  beforeAll(async () => {
    const metadata = queueMetadata(
      { url: redis().url },
      { queues: ['emails', 'reports', 'lists', 'dead', 'taken', 'gone'], maxPayloadBytes: 1_000 },
      {
        imports: [
          HealthModule.forRoot(),
          AdminModule.forRoot({ token: TOKEN, controllers: [QueueAdminController] }),
        ],
      },
    );
    server = await startApp(platform, metadata);
  });

  afterAll(() => server.close());

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${server.url}${ROOT}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    };
  }

  it('are closed without the token', async () => {
    const response = await fetch(`${server.url}${ROOT}`);
    expect(response.status).toBe(401);
  });

  it('enqueue a job and show it', async () => {
    const job = {
      name: 'welcome',
      payload: { to: 'ada' },
      priority: 'high',
      delay: '1h',
      job_id: 'welcome-ada',
    };
    const added = await ask('POST', '/emails/jobs', job);
    expect(added).toEqual({ status: 201, body: { id: 'welcome-ada', status: 'queued' } });
    const again = await ask('POST', '/emails/jobs', job);
    expect(again).toEqual({ status: 201, body: { id: 'welcome-ada', status: 'duplicate' } });
    const shown = await ask('GET', '/emails/jobs/welcome-ada');
    expect(shown.status).toBe(200);
    expect(shown.body).toMatchObject({
      id: 'welcome-ada',
      queue: 'emails',
      name: 'welcome',
      payload: { to: 'ada' },
      state: 'delayed',
      priority: 10,
      max_attempts: 3,
    });
  });

  it('show all queues, and one', async () => {
    const all = await ask('GET', '');
    expect(all.status).toBe(200);
    const names = (all.body['queues'] as readonly { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['dead', 'emails', 'gone', 'lists', 'reports', 'taken']);
    await expect(ask('GET', '/reports')).resolves.toEqual({
      status: 200,
      body: {
        name: 'reports',
        paused: false,
        counts: { waiting: 0, active: 0, delayed: 0, completed: 0, failed: 0 },
      },
    });
  });

  it('list jobs by state, in ranges', async () => {
    for (const n of [1, 2, 3]) {
      await ask('POST', '/lists/jobs', { name: 'step', payload: n, job_id: `step-${n}` });
    }
    const { status, body } = await ask('GET', '/lists/jobs?state=waiting&offset=1&limit=1');
    expect(status).toBe(200);
    expect(body['jobs']).toEqual([expect.objectContaining({ id: 'step-2', payload: 2 })]);
    await expect(ask('GET', '/lists/jobs?state=completed')).resolves.toMatchObject({
      body: { jobs: [] },
    });
  });

  it('remove a job', async () => {
    await ask('POST', '/emails/jobs', { name: 'old', payload: null, job_id: 'old-job' });
    await expect(ask('DELETE', '/emails/jobs/old-job')).resolves.toEqual({ status: 204, body: {} });
    await expect(ask('DELETE', '/emails/jobs/old-job')).resolves.toMatchObject({ status: 404 });
  });

  it('take a job out, or tell that there is none', async () => {
    await expect(ask('POST', '/taken/dequeue')).resolves.toEqual({
      status: 200,
      body: { job: null },
    });
    const waiting = ask('POST', '/taken/dequeue?timeoutMs=5000');
    await ask('POST', '/taken/jobs', { name: 'one', payload: 1, job_id: 'one-job' });
    expect((await waiting).body['job']).toMatchObject({ id: 'one-job', payload: 1 });
    await expect(ask('GET', '/taken/jobs/one-job')).resolves.toMatchObject({
      body: { state: 'completed' },
    });
  });

  it('put a job back whose client went while it waited for one', async () => {
    const dequeue = jest.spyOn(server.app.get(QueueService), 'dequeue');
    const [path, headers] = ['/gone/dequeue?timeoutMs=20000', { Authorization: `Bearer ${TOKEN}` }];
    const socket = new Promise<Socket>((resolve) => {
      (server.app.getHttpServer() as Server).once('connection', resolve);
    });
    const client = request(`${server.url}${ROOT}${path}`, {
      method: 'POST',
      agent: false,
      headers,
    });
    client.on('error', () => undefined).end();
    await eventually(() => dequeue.mock.calls.length === 1);
    client.destroy();
    const { destroyed } = await socket.then((s) => eventually(() => s.destroyed && s));
    await server.app.get(QueueService).enqueue('gone', 'one', 1, { jobId: 'left' });
    await dequeue.mock.results[0]?.value;
    dequeue.mockRestore();
    await eventually(async () => {
      const { body } = await ask('GET', '/gone/jobs/left');
      expect([destroyed, body['state']]).toEqual([true, 'waiting']);
    });
  });

  it('pause, resume and clean', async () => {
    await expect(ask('POST', '/reports/pause')).resolves.toMatchObject({
      status: 200,
      body: { paused: true },
    });
    await ask('POST', '/reports/jobs', { name: 'weekly', payload: {} });
    await expect(ask('POST', '/reports/dequeue')).resolves.toMatchObject({ body: { job: null } });
    await expect(ask('POST', '/reports/resume')).resolves.toMatchObject({
      status: 200,
      body: { paused: false, counts: { waiting: 1 } },
    });
    await expect(ask('POST', '/reports/clean', { state: 'waiting' })).resolves.toEqual({
      status: 200,
      body: { removed: 1 },
    });
    await expect(ask('POST', '/reports/clean')).resolves.toMatchObject({ body: { removed: 0 } });
  });

  it('show the jobs that failed for good, and run them again', async () => {
    const queues = server.app.get(QueueService);
    for (const jobId of ['bad-1', 'bad-2']) {
      await queues.enqueue('dead', 'work', {}, { jobId, attempts: 1 });
      await (await queues.dequeue('dead'))?.fail(new Error('no route'));
    }
    const { body } = await ask('GET', '/dead/dead');
    expect(body['jobs']).toEqual([
      expect.objectContaining({ id: 'bad-2', state: 'failed', failed_reason: 'no route' }),
      expect.objectContaining({ id: 'bad-1' }),
    ]);
    await expect(ask('POST', '/dead/dead/bad-1/replay')).resolves.toEqual({
      status: 200,
      body: { id: 'bad-1', outcome: 'retried' },
    });
    await expect(ask('POST', '/dead/dead/bad-1/replay')).resolves.toMatchObject({ status: 404 });
    await expect(ask('POST', '/dead/jobs/bad-2/retry')).resolves.toMatchObject({ status: 200 });
    await expect(ask('POST', '/dead/jobs/bad-2/retry')).resolves.toMatchObject({ status: 409 });
  });

  it.each([
    ['GET', '/nowhere'],
    ['GET', '/nowhere/jobs'],
    ['POST', '/nowhere/dequeue'],
    ['POST', '/nowhere/pause'],
    ['GET', '/nowhere/dead'],
    ['GET', '/emails/jobs/nobody'],
    ['POST', '/emails/jobs/nobody/retry'],
    ['POST', '/emails/dead/nobody/replay'],
    ['DELETE', '/emails/jobs/nobody'],
  ])('answer 404 in the common shape to %s %s', async (method, path) => {
    const { status, body } = await ask(method, path);
    expect([status, body['error'], body['code']]).toEqual([404, 'Not found', 'E_NOT_FOUND']);
    expect(body['request_id']).toEqual(expect.any(String));
  });

  it.each(['meta', 'completed', 'events'])('do not take the key %s for a job', async (id) => {
    await ask('POST', '/emails/pause');
    for (const method of ['GET', 'DELETE']) {
      expect(await ask(method, `/emails/jobs/${id}`)).toMatchObject({ status: 404 });
    }
    expect((await ask('GET', '/emails')).body).toMatchObject({ paused: true });
    await ask('POST', '/emails/resume');
  });

  it.each([
    ['POST', '/emails/jobs', { payload: 1 }, 'body.name'],
    ['POST', '/emails/jobs', { name: 'x' }, 'body.payload'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, priority: 'urgent' }, 'job.priority'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, priority: 0 }, 'job.priority'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, delay: -5 }, 'job.delay'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, attempts: -1 }, 'job.attempts'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, job_id: '17' }, 'job.jobId'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, job_id: 'failed' }, 'job.jobId'],
    ['POST', '/emails/jobs', { name: 'x', payload: 1, prioritty: 1 }, 'body.prioritty'],
    ['POST', '/emails/jobs', { name: 'x', payload: 'y'.repeat(1_001) }, 'payload'],
    ['GET', '/emails/jobs?state=lost', undefined, 'query.state'],
    ['GET', '/emails/jobs?limit=-1', undefined, 'query.limit'],
    ['POST', '/emails/dequeue?timeoutMs=-1', undefined, 'query.timeoutMs'],
    ['POST', '/emails/dequeue?timeoutMs=soon', undefined, 'query.timeoutMs'],
    ['POST', '/emails/clean', { state: 'active' }, 'body.state'],
    ['POST', '/emails/clean', { older_than: '-1s' }, 'clean.olderThan'],
  ])('answer 400 naming the field to %s %s %j', async (...row) => {
    const [method, path, given, field] = row;
    const { status, body } = await ask(method, path, given);
    expect([status, body['code']]).toEqual([400, 'E_INVALID_OPTION']);
    expect(body['message']).toContain(`"${field}"`);
  });
});

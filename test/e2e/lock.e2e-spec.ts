import { APP_FILTER } from '@nestjs/core';
import { BackplaneExceptionFilter } from '../../src/common/http/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { AdminModule } from '../../src/modules/admin/index.js';
import { HealthModule } from '../../src/modules/health/index.js';
import {
  LockAdminController,
  type LockListBody,
  LockModule,
  LockService,
} from '../../src/modules/lock/index.js';
import { eventually } from '../support/eventually.js';
import { type Platform, PLATFORMS, startApp, type TestApp } from '../support/app.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';

const TOKEN = 'a-token-of-an-operator';
const PATH = '/api/v1/redis/locks';
const TTL = { ttl: '1h' } as const;

const TABLE: readonly (readonly [Platform, 'memory' | 'redis'])[] = PLATFORMS.flatMap(
  (platform) => [[platform, 'memory'] as const, [platform, 'redis'] as const],
);

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

describe.each(TABLE)('the locks for operators on %s, kept in %s', (platform, backing) => {
  const redis = backing === 'redis' ? useRedis('standalone') : undefined;
  let server: TestApp;
  let locks: LockService;

  beforeAll(async () => {
    const onRedis = (url: string) =>
      RedisModule.forRoot({
        connections: { default: { url } },
        prefix: uniquePrefix(),
        requestBudget: '10s',
        bootTimeout: '10s',
      });
    server = await startApp(platform, {
      imports: [
        ...(redis === undefined ? [] : [onRedis(redis().url)]),
        LockModule.forRoot({ deadline: '5s', owner: 'host-1:99' }),
        HealthModule.forRoot(),
        AdminModule.forRoot({ token: TOKEN, controllers: [LockAdminController] }),
      ],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
    locks = server.app.get(LockService);
  });

  afterEach(async () => {
    for (const { key, tokenPrefix } of await locks.list(1_000)) {
      await locks.forceRelease(key, { tokenPrefix });
    }
  });

  afterAll(() => server.close());

  async function ask(method: string, query = '', token = TOKEN): Promise<Answer> {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${server.url}${PATH}${query}`, { method, headers });
    return { status: response.status, body: await response.json() };
  }

  const deleteKey = (key: string) => ask('DELETE', `?key=${encodeURIComponent(key)}`);

  it('are listed by key, with holder and time, and without their tokens', async () => {
    await locks.acquire('import:42', TTL);
    await locks.acquire('билет 🐎?', TTL);
    const { status, body } = await ask('GET');
    const lock = {
      owner: 'host-1:99',
      token_prefix: expect.stringMatching(/^[\w-]{6}$/) as unknown,
      held_ms: expect.any(Number) as unknown,
      fence: expect.any(Number) as unknown,
      permits: null,
      remaining_ms: expect.any(Number) as unknown,
      queue: [],
    };
    expect(status).toBe(200);
    expect(body).toEqual({
      locks: [
        { key: 'import:42', ...lock },
        { key: 'билет 🐎?', ...lock },
      ],
      truncated: false,
    });
  });

  it('are listed with who waits for them', async () => {
    const lock = await locks.acquire('job', TTL);
    const waiting = locks.acquire('job', { ...TTL, wait: '1m' });
    await eventually(async () => {
      const waiter = {
        owner: 'host-1:99',
        token_prefix: expect.stringMatching(/^[\w-]{6}$/) as unknown,
        waited_ms: expect.any(Number) as unknown,
      };
      expect((await ask('GET')).body).toMatchObject({ locks: [{ queue: [waiter] }] });
    });
    await deleteKey('job');
    expect((await waiting).isHeld).toBe(true);
    expect(await lock.release()).toBe('lost');
  });

  it('are listed up to a limit', async () => {
    for (let number = 0; number < 5; number += 1) await locks.acquire(`job:${number}`, TTL);
    const { body } = await ask('GET', '?limit=3');
    expect(body).toMatchObject({ truncated: true });
    expect((body as { locks: unknown[] }).locks).toHaveLength(3);
    expect(await ask('GET', '?limit=5')).toMatchObject({ body: { truncated: false } });
  });

  it('are an empty list when nothing is held', async () => {
    expect(await ask('GET')).toEqual({ status: 200, body: { locks: [], truncated: false } });
  });

  it.each(['import:42', 'a/b?c=d&e#f', 'билет 🐎', '*'])('are taken away: %s', async (key) => {
    const lock = await locks.acquire(key, TTL);
    const other = await locks.acquire('other', TTL);
    expect(await deleteKey(key)).toMatchObject({
      status: 200,
      body: { key, owner: 'host-1:99' },
    });
    expect(await lock.release()).toBe('lost');
    expect(await other.release()).toBe('released');
    expect(await locks.tryAcquire(key, TTL)).toMatchObject({ isHeld: true });
  });

  it('answer 404 for a lock that nobody holds, in the common shape', async () => {
    const { status, body } = await deleteKey('import:42');
    expect(status).toBe(404);
    expect(body).toEqual({
      error: 'Not found',
      message: 'Nobody holds the lock "import:42".',
      code: 'E_NOT_FOUND',
      request_id: expect.any(String) as unknown,
    });
  });

  it('are taken away from the hold that is meant only', async () => {
    const { fence } = await locks.acquire('job', TTL);
    const before = await ask('DELETE', `?key=job&fence=${fence - 1}`);
    expect(before).toMatchObject({ status: 404, body: { code: 'E_NOT_FOUND' } });
    expect(await ask('DELETE', '?key=job&token_prefix=other')).toMatchObject({ status: 404 });
    const answer = await ask('DELETE', `?key=job&fence=${fence}`);
    expect(answer).toMatchObject({ status: 200, body: { key: 'job', fence } });
    expect(await locks.list(1)).toEqual([]);
  });

  it('of many holders are listed with each, and taken away from one', async () => {
    const options = { ...TTL, permits: { of: 3 } } as const;
    const first = await locks.acquire('job', options);
    await locks.acquire('job', { ...TTL, permits: { take: 2, of: 3 } });
    const { body } = await ask('GET');
    // By the end of their time, which may be the same.
    const taken = (body as LockListBody).locks.map(({ permits }) => permits?.take);
    expect(taken.toSorted((one = 0, other = 0) => one - other)).toEqual([1, 2]);
    const several = { status: 409, body: { code: 'E_CONFLICT' } };
    expect(await deleteKey('job')).toMatchObject(several);
    const answer = await ask('DELETE', `?key=job&fence=${first.fence}`);
    expect(answer).toMatchObject({ status: 200, body: { permits: { take: 1, of: 3 } } });
    expect(await first.release()).toBe('lost');
    expect(await locks.list(10)).toHaveLength(1);
  });

  it.each([
    ['DELETE', '?key=a&fence=latest', 'query.fence'],
    ['DELETE', '?key=a&token_prefix=', 'query.token_prefix'],
    ['GET', '?limit=0', 'query.limit'],
    ['GET', '?limit=-1', 'query.limit'],
    ['GET', '?limit=1.5', 'query.limit'],
    ['GET', '?limit=1001', 'query.limit'],
    ['GET', '?limit=many', 'query.limit'],
    ['GET', '?limit=1&limit=2', 'query.limit'],
    ['GET', '?limits=1', 'query.limits'],
    ['DELETE', '', 'query.key'],
    ['DELETE', '?key=', 'query.key'],
    ['DELETE', '?key=a&key=b', 'query.key'],
    ['DELETE', `?key=${'k'.repeat(1_025)}`, 'key'],
    ['DELETE', '?key=a&force=1', 'query.force'],
  ])('answer 400 naming the field to %s %s', async (method, query, field) => {
    const { status, body } = await ask(method, query);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: 'E_INVALID_OPTION',
      message: expect.stringContaining(`"${field}"`) as unknown,
    });
  });

  it.each(['GET', 'DELETE'])('answer 401 to %s with a wrong token', async (method) => {
    await locks.acquire('job', TTL);
    expect(await ask(method, '?key=job', 'wrong')).toMatchObject({
      status: 401,
      body: { code: 'E_UNAUTHORIZED', message: 'Unauthorized' },
    });
    expect(await locks.list(10)).toHaveLength(1);
  });

  it('are part of the health page', async () => {
    const response = await fetch(`${server.url}/health`);
    expect(await response.json()).toMatchObject({ services: { lock: backing } });
  });
});

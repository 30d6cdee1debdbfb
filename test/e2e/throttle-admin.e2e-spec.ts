import { Controller, Get, Post } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BackplaneExceptionFilter } from '../../src/common/http/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { AdminModule } from '../../src/modules/admin/index.js';
import { HealthModule } from '../../src/modules/health/index.js';
import {
  RateLimit,
  type RateLimitListBody,
  type RateLimitStateBody,
  ThrottleAdminController,
  ThrottleModule,
  ThrottleService,
} from '../../src/modules/throttle/index.js';
import { type Platform, PLATFORMS, startApp, type TestApp } from '../support/app.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';

const TOKEN = 'a-token-of-an-operator';
const PATH = '/api/v1/redis/rate-limit';
const CLIENT = '127.0.0.1';

const TABLE: readonly (readonly [Platform, 'memory' | 'redis'])[] = PLATFORMS.flatMap(
  (platform) => [[platform, 'memory'] as const, [platform, 'redis'] as const],
);

interface Asked {
  readonly token?: string;
  readonly body?: unknown;
}

const policy = (name: string, limit: number, more: object = {}) => ({
  name,
  strategy: 'sliding-window',
  limit,
  window_ms: 60_000,
  burst: limit,
  penalty: 0,
  block: null,
  on_redis_down: 'memory',
  shadow: false,
  blocked: 0,
  shadow_blocked: 0,
  ...more,
});

const HELD = { duration: '1m', longest: '1h' } as const;

@Controller('cats')
class CatsController {
  @RateLimit({ limit: 3, window: '1m' }, { limit: 50, window: '1m', strategy: 'fixed-window' })
  @Get('limited/:id')
  limited(): string {
    return 'three a minute';
  }

  @RateLimit({ limit: 9, window: '1m' })
  @Get('seldom')
  seldom(): string {
    return 'asked for by one test';
  }

  @RateLimit({ limit: 9, window: '1m' })
  @Get('never')
  never(): string {
    return 'asked for by nobody';
  }

  @RateLimit({ limit: 3, window: '1m', name: 'held', block: HELD, penalty: 2 })
  @Get('held')
  held(): string {
    return 'three a minute, and then nothing for a while';
  }

  @RateLimit({ limit: 9, window: '1m', name: 'held' })
  @Get('held-with-others')
  heldWithOthers(): string {
    return 'nine a minute with those above, and never nothing';
  }

  @RateLimit({ limit: 2, window: '1m', name: 'group' })
  @Get('few')
  few(): string {
    return 'two a minute, with the others';
  }

  @RateLimit({ limit: 20, window: '1m', name: 'group' })
  @Post('many')
  many(): string {
    return 'twenty a minute, with the others';
  }
}

describe.each(TABLE)('the rate limits for operators on %s, kept in %s', (platform, backing) => {
  const redis = backing === 'redis' ? useRedis('standalone') : undefined;
  let server: TestApp;

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
        ThrottleModule.forRoot({
          deadline: '5s',
          default: { limit: 100, window: '1m' },
          routes: [
            { method: 'POST', path: '/api/*/soon', limit: 7, window: '1m', onRedisDown: 'closed' },
          ],
        }),
        HealthModule.forRoot(),
        AdminModule.forRoot({ token: TOKEN, controllers: [ThrottleAdminController] }),
      ],
      controllers: [CatsController],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
  });

  afterEach(async () => {
    const { body } = await ask('GET');
    for (const { name } of (body as RateLimitListBody).policies) {
      await ask('DELETE', pathOf(name, CLIENT));
    }
  });

  afterAll(() => server.close());

  async function ask(method: string, path = '', { token = TOKEN, ...given }: Asked = {}) {
    const type = { 'Content-Type': 'application/json' };
    const response = await fetch(`${server.url}${PATH}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(method === 'POST' ? type : {}) },
      body: method === 'POST' ? JSON.stringify(given.body ?? {}) : null,
    });
    return { status: response.status, body: (await response.json()) as unknown };
  }

  const pathOf = (name: string, subject: string) =>
    `/${encodeURIComponent(name)}/${encodeURIComponent(subject)}`;

  const hit = async (path: string, method = 'GET') =>
    (await fetch(`${server.url}${path}`, { method })).status;

  it('are listed: those of the configuration, and those of decorators once they were met', async () => {
    const listed = async () => ((await ask('GET')).body as RateLimitListBody).policies;
    const seldom = policy('@GET /cats/seldom', 9);
    const before = await listed();
    expect(before.slice(0, 2)).toEqual([
      policy('default', 100),
      policy('POST /api/*/soon', 7, { on_redis_down: 'closed' }),
    ]);
    expect(before).not.toContainEqual(seldom);
    await hit('/cats/seldom');
    await hit('/cats/seldom');
    expect(await listed()).toEqual([...before, seldom]);
    for (const id of [1, 2]) await hit(`/cats/limited/${id}`);
    const { status, body } = await ask('GET');
    expect([status, body]).toEqual([
      200,
      {
        policies: expect.arrayContaining([
          policy('@GET /cats/limited/:id', 3),
          policy('@GET /cats/limited/:id #2', 50, { strategy: 'fixed-window' }),
        ]) as unknown,
        truncated: false,
      },
    ]);
  });

  it.each([
    ['@GET /cats/limited/:id', 3],
    ['@GET /cats/limited/:id #2', 50],
  ])('show how a client stands under %s, and let it start anew', async (name, limit) => {
    const path = pathOf(name, CLIENT);
    await hit('/cats/limited/1');
    const used = await ask('GET', path);
    expect(used).toEqual({
      status: 200,
      body: {
        policy: name,
        subject: CLIENT,
        allowed: true,
        limit,
        remaining: limit - 1,
        reset_ms: expect.any(Number) as unknown,
        retry_after_ms: 0,
        backing,
      },
    });
    expect(await ask('GET', path)).toMatchObject({ body: { remaining: limit - 1 } });
    expect(await ask('DELETE', path)).toEqual({ status: 200, body: { reset: true } });
    expect(await ask('DELETE', path)).toEqual({ status: 200, body: { reset: false } });
    expect(await ask('GET', path)).toMatchObject({ body: { remaining: limit, reset_ms: 0 } });
  });

  it('let a client in again that was shut out', async () => {
    const path = pathOf('@GET /cats/limited/:id', CLIENT);
    const answers = [];
    for (let sent = 0; sent < 4; sent += 1) answers.push(await hit('/cats/limited/1'));
    expect(answers).toEqual([200, 200, 200, 429]);
    expect(await ask('GET', path)).toMatchObject({
      body: { allowed: false, remaining: 0, retry_after_ms: expect.any(Number) as unknown },
    });
    expect(await ask('DELETE', path)).toMatchObject({ body: { reset: true } });
    expect(await hit('/cats/limited/1')).toBe(200);
  });

  it('give a client so many hits back, and never more than the limit', async () => {
    const path = pathOf('@GET /cats/limited/:id', CLIENT);
    const grant = (hits: number) => ask('POST', `${path}/grant`, { body: { hits } });
    for (let sent = 0; sent < 3; sent += 1) await hit('/cats/limited/1');
    expect(await grant(1)).toEqual({
      status: 200,
      body: {
        policy: '@GET /cats/limited/:id',
        subject: CLIENT,
        allowed: true,
        limit: 3,
        remaining: 1,
        reset_ms: expect.any(Number) as unknown,
        retry_after_ms: 0,
        backing,
      },
    });
    expect([await hit('/cats/limited/1'), await hit('/cats/limited/1')]).toEqual([200, 429]);
    expect(await grant(1_000)).toMatchObject({ status: 200, body: { remaining: 3 } });
  });

  it('give back under the widest of those that share a name', async () => {
    for (let sent = 0; sent < 8; sent += 1) await hit('/cats/many', 'POST');
    await hit('/cats/few');
    const path = pathOf('group', CLIENT);
    await ask('POST', `${path}/grant`, { body: { hits: 7 } });
    expect(await ask('GET', path)).toMatchObject({ body: { limit: 2, remaining: 1 } });
  });

  it('block a client for a time, and no other, until it is reset', async () => {
    await hit('/cats/held');
    await hit('/cats/held-with-others');
    const path = pathOf('held', CLIENT);
    const state = { allowed: false, limit: 3, remaining: 0, backing };
    const blocked = await ask('POST', `${path}/block`, { body: { duration: '1h' } });
    expect(blocked).toMatchObject({ status: 200, body: state });
    const { retry_after_ms: wait } = blocked.body as RateLimitStateBody;
    expect(wait).toBeGreaterThan(3_000_000);
    expect(wait).toBeLessThanOrEqual(3_600_000);
    expect(await ask('GET', pathOf('held', '192.0.2.1'))).toMatchObject({ body: { remaining: 3 } });
    const statuses = [await hit('/cats/held'), await hit('/cats/held-with-others')];
    expect(statuses).toEqual([429, 200]);
    await ask('DELETE', path);
    expect(await hit('/cats/held')).toBe(200);
  });

  it('show penalties and blocks, and how many hits were denied since the start', async () => {
    const name = '@GET /cats/limited/:id';
    const listed = async (wanted: string) => {
      const { policies } = (await ask('GET')).body as RateLimitListBody;
      return policies.filter((each) => each.name === wanted);
    };
    await hit('/cats/held');
    await hit('/cats/limited/1');
    expect(await listed('held')).toContainEqual(
      expect.objectContaining({
        penalty: 2,
        block: { duration_ms: 60_000, longest_ms: 3_600_000 },
      }),
    );
    const [before] = await listed(name);
    for (let sent = 0; sent < 5; sent += 1) await hit('/cats/limited/1');
    await server.app.get(ThrottleService).consume('a', { name: 'unlisted', limit: 1, window: 1 });
    const [after] = await listed(name);
    expect((after?.blocked ?? 0) - (before?.blocked ?? 0)).toBe(3);
  });

  it('answer 409 where a limit would not look at a block', async () => {
    await hit('/cats/limited/1');
    const path = pathOf('@GET /cats/limited/:id', CLIENT);
    expect(await ask('POST', `${path}/block`, { body: { duration: '1h' } })).toMatchObject({
      status: 409,
      body: { code: 'E_CONFLICT', message: expect.stringContaining('option "block"') as unknown },
    });
  });

  it.each([
    ['grant', {}, 'body.hits'],
    ['grant', { hits: 0 }, 'body.hits'],
    ['grant', { hits: '1' }, 'body.hits'],
    ['grant', { hits: 1, cost: 1 }, 'body.cost'],
    ['block', {}, 'body.duration'],
    ['block', { duration: -1 }, 'body.duration'],
  ])('answer 400 to %s %j, naming %s', async (action, body, option) => {
    await hit('/cats/held');
    expect(await ask('POST', `${pathOf('held', CLIENT)}/${action}`, { body })).toMatchObject({
      status: 400,
      body: {
        code: 'E_INVALID_OPTION',
        message: expect.stringContaining(`"${option}"`) as unknown,
      },
    });
  });

  it('that share a name answer with the one that is closest to denying', async () => {
    await hit('/cats/few');
    await hit('/cats/many', 'POST');
    expect(await ask('GET', pathOf('group', CLIENT))).toMatchObject({
      body: { allowed: false, limit: 2, remaining: 0 },
    });
    expect(await ask('DELETE', pathOf('group', CLIENT))).toMatchObject({ body: { reset: true } });
    expect(await hit('/cats/few')).toBe(200);
  });

  it.each(['2001:db8::/64', 'user:ада/1', 'a b?c#d%'])(
    'know the subject %s apart from others',
    async (subject) => {
      const throttle = server.app.get(ThrottleService);
      await throttle.consume(subject, { name: 'default', limit: 100, window: '1m' });
      expect(await ask('GET', pathOf('default', subject))).toMatchObject({
        status: 200,
        body: { subject, remaining: 99 },
      });
      expect(await ask('GET', pathOf('default', `${subject}!`))).toMatchObject({
        body: { remaining: 100 },
      });
    },
  );

  it.each(['nobody', '@GET /cats/never', 'GET /cats', 'DEFAULT'])(
    'answer 404 for the policy %s, which is not known, in the common shape',
    async (name) => {
      const path = pathOf(name, CLIENT);
      for (const [method, asked] of [
        ['GET', path],
        ['DELETE', path],
        ['POST', `${path}/grant`],
        ['POST', `${path}/block`],
      ] as const) {
        expect(await ask(method, asked)).toEqual({
          status: 404,
          body: {
            error: 'Not found',
            message: expect.stringContaining(`"${name}"`) as unknown,
            code: 'E_NOT_FOUND',
            request_id: expect.any(String) as unknown,
          },
        });
      }
    },
  );

  it('answer 401 without a hint to a wrong token', async () => {
    await hit('/cats/limited/1');
    const path = pathOf('@GET /cats/limited/:id', CLIENT);
    for (const [method, asked] of [
      ['GET', ''],
      ['GET', path],
      ['DELETE', path],
      ['POST', `${path}/grant`],
      ['POST', `${path}/block`],
      ['DELETE', pathOf('nobody', CLIENT)],
      ['GET', '/top'],
    ] as const) {
      expect(await ask(method, asked, { token: 'wrong' })).toMatchObject({
        status: 401,
        body: { code: 'E_UNAUTHORIZED', message: 'Unauthorized' },
      });
    }
    expect(await ask('GET', path)).toMatchObject({ body: { remaining: 2 } });
  });
});

import { Controller, Post } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { BackplaneModule } from '../../src/index.js';
import {
  RateLimit,
  RateLimitGuard,
  type ThrottleOptions,
} from '../../src/modules/throttle/index.js';
import { RedisThrottleDriver } from '../../src/modules/throttle/drivers/redis-throttle.driver.js';
import { FakeClock } from '../../src/testing/index.js';
import { PLATFORMS } from '../support/app.js';
import { openRedis, type OpenRedis } from '../support/connect.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';
import {
  CatsController,
  OtherGuard,
  rateHeaders,
  statusesOf,
  type ThrottleAppOptions,
  UserGuard,
  useThrottleApps,
} from './throttle-app.js';

const HUNDRED = { default: { limit: 100, window: '1m' } } as const;
const TWO = { default: { limit: 2, window: '1m' } } as const;

const redis = useRedis('standalone');

/** A driver on Redis that goes by the given clock. */
async function onRedis(
  clock: FakeClock,
): Promise<OpenRedis & Required<Pick<ThrottleAppOptions, 'driver'>>> {
  const open = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
  return {
    ...open,
    driver: new RedisThrottleDriver(open.connection, { deadlineMs: 2_000, clock }),
  };
}

describe.each(PLATFORMS)('rate limits over HTTP on %s', (platform) => {
  const start = useThrottleApps(platform);

  describe.each(['memory', 'redis'] as const)('counted in %s', (backing) => {
    let open: OpenRedis | undefined;
    afterEach(() => {
      open?.close();
      open = undefined;
    });

    async function startCounting(throttle: ThrottleOptions) {
      const clock = new FakeClock();
      if (backing === 'memory') return start({ throttle, clock });
      const counters = await onRedis(clock);
      open = counters;
      return start({ throttle, clock, driver: counters.driver });
    }

    it('answers the 101st request of a minute with the documented 429', async () => {
      const app = await startCounting(HUNDRED);
      const answers = await Promise.all(Array.from({ length: 100 }, () => app.ask('GET', '/cats')));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      const { status, body, headers } = await app.ask('GET', '/cats');
      expect(status).toBe(429);
      expect(body).toBe(
        '{"error":"Rate limit exceeded","message":"Too many requests. Limit: 100/min","retry_after":60}',
      );
      expect(headers.get('content-type')).toMatch(/^application\/json/);
    });

    it('tells limit, rest and wait in headers, on a 200 and on a 429', async () => {
      const app = await startCounting(TWO);
      expect(rateHeaders(await app.ask('GET', '/cats'))).toEqual(['2', '1', '60', backing, null]);
      app.clock.advance(10_500);
      expect(rateHeaders(await app.ask('GET', '/cats'))).toEqual(['2', '0', '50', backing, null]);
      expect(rateHeaders(await app.ask('GET', '/cats'))).toEqual(['2', '0', '50', backing, '50']);
    });

    it('lets a client in that waited Retry-After, and none that waited a second less', async () => {
      const app = await startCounting(TWO);
      await app.ask('GET', '/cats');
      app.clock.advance(10_500);
      await app.ask('GET', '/cats');
      const { headers } = await app.ask('GET', '/cats');
      const seconds = Number(headers.get('retry-after'));
      app.clock.advance((seconds - 1) * 1_000);
      expect(await app.ask('GET', '/cats')).toMatchObject({ status: 429 });
      app.clock.advance(1_000);
      expect(await app.ask('GET', '/cats')).toMatchObject({ status: 200 });
    });
  });

  it('answers in problem details where the client asks for them', async () => {
    const app = await start({ throttle: TWO });
    await statusesOf(2, () => app.ask('GET', '/cats'));
    const { status, headers, body } = await app.ask('GET', '/cats', {
      accept: 'application/problem+json, application/json',
    });
    expect(status).toBe(429);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Rate limit exceeded',
      status: 429,
      detail: 'Too many requests. Limit: 2/min',
      'violated-policies': ['default'],
      retry_after: 60,
    });
  });

  it('refuses with 429 also where the body that the application makes fails', async () => {
    const body = () => {
      throw new TypeError('no such template');
    };
    const app = await start({ throttle: { ...TWO, body } });
    expect(await statusesOf(3, () => app.ask('GET', '/cats'))).toEqual([200, 200, 429]);
  });

  it('writes the headers of the draft that is asked for', async () => {
    const app = await start({
      throttle: { ...TWO, headers: 'standard', standardHeaders: 'draft-7' },
    });
    await app.ask('GET', '/cats');
    const { headers } = await app.ask('GET', '/cats');
    expect(headers.get('RateLimit')).toBe('limit=2, remaining=0, reset=60');
    expect(headers.get('RateLimit-Policy')).toBe('2;w=60');
    expect(headers.get('X-RateLimit-Limit')).toBeNull();
  });

  it('counts two controllers apart although their methods have the same name', async () => {
    const app = await start();
    expect(await statusesOf(3, () => app.ask('GET', '/cats/limited'))).toEqual([200, 200, 429]);
    expect(await statusesOf(3, () => app.ask('GET', '/dogs/limited'))).toEqual([200, 200, 429]);
  });

  it('counts routes together that share a name', async () => {
    const app = await start();
    await app.ask('POST', '/cats/grouped');
    await app.ask('POST', '/dogs/grouped');
    const { status, body } = await app.ask('POST', '/cats/grouped');
    expect(status).toBe(429);
    expect(JSON.parse(body)).toMatchObject({ message: 'Too many requests. Limit: 2/5 min' });
  });

  it('takes HEAD for GET', async () => {
    const app = await start();
    const methods = ['GET', 'HEAD', 'GET', 'HEAD'];
    const statuses = [];
    for (const method of methods) statuses.push((await app.ask(method, '/cats/limited')).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
  });

  it('holds a limit by pattern on top of the decorator, and none on an exempt route', async () => {
    const routes = [{ path: '/cats/**', limit: 1, window: '1m' }] as const;
    const app = await start({ throttle: { routes } });
    expect(await statusesOf(2, () => app.ask('GET', '/cats/limited'))).toEqual([200, 429]);
    expect(await statusesOf(3, () => app.ask('GET', '/cats/free'))).toEqual([200, 200, 200]);
    expect(rateHeaders(await app.ask('GET', '/cats/free'))).toEqual([null, null, null, null, null]);
  });

  it('does not take a spoofed X-Forwarded-For for another client', async () => {
    const app = await start({ throttle: TWO });
    let host = 0;
    const statuses = await statusesOf(3, () => {
      host += 1;
      return app.ask('GET', '/cats', { 'x-forwarded-for': `10.0.0.${host}` });
    });
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('takes X-Forwarded-For for the client behind a trusted proxy', async () => {
    const app = await start({ throttle: TWO, trustProxy: 'loopback' });
    const from = (ip: string) => () => app.ask('GET', '/cats', { 'x-forwarded-for': ip });
    expect(await statusesOf(3, from('10.0.0.1'))).toEqual([200, 200, 429]);
    expect(await statusesOf(3, from('10.0.0.2'))).toEqual([200, 200, 429]);
  });

  it.each([
    ['everybody', true],
    ['a function that says yes', () => true],
  ])('does not start behind %s as a proxy', async (_whom, trustProxy) => {
    await expect(start({ throttle: TWO, trustProxy })).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: platform === 'fastify' ? 'trustProxy' : 'trust proxy',
      problem: expect.stringContaining('must not trust everybody'),
    });
  });

  it.each([
    ['an address', '127.0.0.1'],
    ['a network', '127.0.0.0/8, ::1'],
    ['a hop', (_address: string, hop: number) => hop < 1],
  ])('starts behind %s as a proxy', async (_whom, trustProxy) => {
    const app = await start({ throttle: TWO, trustProxy });
    const from = (ip: string) => () => app.ask('GET', '/cats', { 'x-forwarded-for': ip });
    // What stands left of the client's own address is what the client made up.
    expect(await statusesOf(3, from('198.51.100.7, 10.0.0.1'))).toEqual([200, 200, 429]);
    expect(await statusesOf(1, from('198.51.100.8, 10.0.0.1'))).toEqual([429]);
  });

  it('asks a subclass of the guard who the client is', async () => {
    const app = await start({ throttle: { ...TWO, guard: UserGuard } });
    const as = (user: string) => () => app.ask('GET', '/cats', { 'x-user': user });
    expect(await statusesOf(3, as('alice'))).toEqual([200, 200, 429]);
    expect(await statusesOf(3, as('bob'))).toEqual([200, 200, 429]);
    expect(await statusesOf(3, as('admin'))).toEqual([200, 200, 200]);
  });

  it.each([
    ['window', { limit: 2, window: '1d', name: 'group' }],
    ['count', { limit: 2, window: '5m', name: 'group', count: 'failures' }],
    ['window', { limit: 100, window: '1h', name: 'default' }],
  ] as const)(
    'does not start where limits of one name contradict each other: %s',
    async (...given) => {
      const [option, limit] = given;
      @Controller('birds')
      class BirdsController {
        @RateLimit(limit)
        @Post('grouped')
        grouped(): void {}
      }
      await expect(
        start({ throttle: HUNDRED, controllers: [CatsController, BirdsController] }),
      ).rejects.toMatchObject({
        code: 'E_INVALID_OPTION',
        option: expect.stringMatching(
          new RegExp(`^@RateLimit of \\w+Controller\\.grouped\\.${option}$`),
        ) as unknown,
      });
    },
  );

  it('does not start with a guard of another kind', async () => {
    await expect(start({ throttle: { guard: OtherGuard } })).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'throttle.guard',
    });
  });

  it('lets everything pass that is not HTTP', async () => {
    const { app } = await start({ throttle: { default: { limit: 1, window: '1m' } } });
    const context = new ExecutionContextHost([{}], CatsController, CatsController.prototype.list);
    context.setType('rpc');
    const guard = app.get(RateLimitGuard);
    for (let call = 0; call < 3; call += 1) {
      await expect(guard.canActivate(context)).resolves.toBe(true);
    }
  });

  describe('on Redis as the module wires it', () => {
    const backplane = (url: string, prefix: string, throttle: ThrottleOptions) => ({
      imports: [
        BackplaneModule.forRoot({
          redis: {
            connections: { default: { url } },
            prefix,
            requestBudget: '10s',
            bootTimeout: '10s',
          },
          throttle: { deadline: '5s', ...throttle },
        }),
      ],
    });

    it('holds one limit over two instances', async () => {
      const prefix = uniquePrefix();
      const first = await start(backplane(redis().url, prefix, TWO));
      const second = await start(backplane(redis().url, prefix, TWO));
      expect(rateHeaders(await first.ask('GET', '/cats')).slice(0, 4)).toEqual([
        '2',
        '1',
        '60',
        'redis',
      ]);
      expect(await statusesOf(2, () => second.ask('GET', '/cats'))).toEqual([200, 429]);
      expect(await statusesOf(1, () => first.ask('GET', '/cats'))).toEqual([429]);
    });

    it('denies from its block list, where it has one, what another instance let in again', async () => {
      const prefix = uniquePrefix();
      const listed = await start(backplane(redis().url, prefix, { ...TWO, blockList: true }));
      const asking = await start(backplane(redis().url, prefix, TWO));
      expect(await statusesOf(3, () => listed.ask('GET', '/cats'))).toEqual([200, 200, 429]);
      await asking.throttle.reset('127.0.0.1', { name: 'default', ...TWO.default });
      expect(rateHeaders(await listed.ask('GET', '/cats')).slice(1, 4)).toEqual([
        '0',
        '60',
        'redis',
      ]);
      expect(await statusesOf(1, () => asking.ask('GET', '/cats'))).toEqual([200]);
    });

    it('answers 503 in the common shape while Redis is away and a limit is closed', async () => {
      const app = await start(away(HUNDRED));
      const { status, headers, body } = await app.ask('GET', '/dogs/guarded');
      expect(status).toBe(503);
      expect(JSON.parse(body)).toEqual({
        error: 'Service unavailable',
        message: expect.stringContaining('cannot be checked while Redis is away'),
        code: 'E_THROTTLE_BACKEND_DOWN',
        request_id: headers.get('x-request-id'),
      });
    });

    it('counts in this process while Redis is away, each instance its share', async () => {
      const app = await start(away({ default: { limit: 4, window: '1m' }, instances: 2 }));
      expect(rateHeaders(await app.ask('GET', '/cats'))).toEqual(['2', '1', '60', 'memory', null]);
      expect(await statusesOf(2, () => app.ask('GET', '/cats'))).toEqual([200, 429]);
    });

    it('lets everything through while Redis is away and limits are open', async () => {
      const app = await start(away({ ...TWO, onRedisDown: 'open' }));
      expect(await statusesOf(5, () => app.ask('GET', '/cats'))).toEqual([200, 200, 200, 200, 200]);
      expect(rateHeaders(await app.ask('GET', '/cats'))).toEqual(['2', '2', '0', 'none', null]);
    });

    /** A port where nobody listens. */
    function away(throttle: ThrottleOptions): ThrottleAppOptions {
      const url = 'redis://127.0.0.1:1';
      return {
        imports: [
          BackplaneModule.forRoot({
            redis: { connections: { default: { url } }, bootTimeout: '20ms' },
            throttle,
          }),
        ],
      };
    }
  });
});

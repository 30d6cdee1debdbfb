import { Catch, type ArgumentsHost, type ExceptionFilter, Module } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import {
  ThrottlerException,
  ThrottlerModule,
  type ThrottlerModuleOptions,
  type ThrottlerOptionsFactory,
} from '@nestjs/throttler';
import type { HttpRequest } from '../../src/common/http/index.js';
import {
  BackplaneThrottlerStorage,
  RateLimitGuard,
  ThrottleModule,
} from '../../src/modules/throttle/index.js';
import { RequestPolicies } from '../../src/modules/throttle/requests/request-policies.js';
import { PLATFORMS } from '../support/app.js';
import { rateHeaders, useThrottleApps } from './throttle-app.js';
import {
  type Asked,
  GUARDS,
  headerIn,
  ShopModule,
  statusesFor,
  StockGuardModule,
} from './throttler-app.js';

const TWO: ThrottlerModuleOptions = [{ limit: 2, ttl: 1_000 }];
const NAMED: ThrottlerModuleOptions = {
  throttlers: [
    { name: 'long', limit: 3, ttl: 10_000 },
    { name: 'short', limit: 2, ttl: 1_000 },
  ],
};

function times(count: number, ...asked: Asked): readonly Asked[] {
  return Array.from({ length: count }, () => asked);
}

interface Scenario {
  readonly name: string;
  readonly options: ThrottlerModuleOptions;
  readonly requests: readonly Asked[];
  readonly statuses: readonly number[];
}

const PLAN = { 'x-plan': 'paid' };
const ANN = { 'x-user': 'ann' };
const BOB = { 'x-user': 'bob' };
const BOT = { 'user-agent': 'curl/8' };

/** What both guards answer. */
const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a list of throttlers, and what went over it blocked for a ttl from then on',
    options: TWO,
    requests: [['/shop'], ['/shop'], ['/shop', 900], ['/shop', 999], ['/shop', 1]],
    statuses: [200, 200, 429, 429, 200],
  },
  {
    name: 'named throttlers, which all hold for every route',
    options: NAMED,
    requests: [...times(3, '/shop'), ['/shop', 1_000], ['/shop', 1_000], ['/shop', 9_999]],
    statuses: [200, 200, 429, 200, 429, 429],
  },
  {
    name: 'each handler by itself',
    options: TWO,
    requests: [...times(3, '/shop'), ['/shop/strict'], ['/shop/strict']],
    statuses: [200, 200, 429, 200, 429],
  },
  {
    name: 'a block that is shorter than the window, after which all is free',
    options: TWO,
    requests: [...times(3, '/shop/brief'), ...times(3, '/shop/brief', 500)],
    statuses: [200, 200, 429, 429, 200, 200],
  },
  {
    name: 'no block at all',
    options: TWO,
    requests: [...times(3, '/shop/unblocked'), ...times(3, '/shop/unblocked', 500)],
    statuses: [200, 200, 429, 429, 200, 200],
  },
  {
    name: 'a limit by the request',
    options: TWO,
    requests: [...times(2, '/shop/plan'), ...times(5, '/shop/plan', 1_000, PLAN)],
    statuses: [200, 429, 200, 200, 200, 200, 200],
  },
  {
    name: 'a window by the request',
    options: TWO,
    requests: times(5, '/shop/window', 1_000, { 'x-ttl': '2500' }),
    statuses: [200, 200, 429, 429, 429],
  },
  {
    name: 'a limit of nothing',
    options: TWO,
    requests: times(2, '/shop/shut'),
    statuses: [429, 429],
  },
  {
    name: 'a tracker of the route',
    options: TWO,
    requests: [...times(3, '/shop/user', 0, ANN), ['/shop/user', 0, BOB]],
    statuses: [200, 200, 429, 200],
  },
  {
    name: 'a tracker of all throttlers',
    options: { throttlers: TWO, getTracker: (request) => String(request['headers']['x-user']) },
    requests: [...times(3, '/shop', 0, ANN), ['/shop', 0, BOB]],
    statuses: [200, 200, 429, 200],
  },
  {
    name: 'a key of the route',
    options: TWO,
    requests: [['/shop/shared'], ['/shop/shared-too'], ['/shop/shared'], ['/shop/shared-too']],
    statuses: [200, 200, 429, 429],
  },
  {
    name: 'a key of all throttlers',
    options: { throttlers: TWO, generateKey: (_context, tracker, name) => `${tracker} ${name}` },
    requests: [['/shop'], ['/shop/no-short'], ['/shop']],
    statuses: [200, 200, 429],
  },
  {
    name: 'a handler that skips the default throttler',
    options: TWO,
    requests: times(4, '/shop/free'),
    statuses: [200, 200, 200, 200],
  },
  {
    name: 'a handler that skips one throttler',
    options: NAMED,
    requests: times(4, '/shop/no-short'),
    statuses: [200, 200, 200, 429],
  },
  {
    name: 'a class that skips, and methods that do not',
    options: TWO,
    requests: [
      ...times(3, '/stock'),
      ...times(2, '/stock/counted'),
      ...times(4, '/stock/own', 1_200),
    ],
    statuses: [200, 200, 200, 200, 429, 200, 200, 200, 429],
  },
  {
    name: 'agents and requests that are not counted',
    options: {
      throttlers: [
        { limit: 1, ttl: 1_000, skipIf: (context) => headerIn(context, 'x-user') === 'ann' },
      ],
      ignoreUserAgents: [/curl/],
    },
    requests: [...times(3, '/shop', 0, BOT), ...times(3, '/shop', 0, ANN), ...times(2, '/shop')],
    statuses: [200, 200, 200, 200, 200, 200, 200, 429],
  },
  {
    name: 'numbers from the environment',
    options: JSON.parse('[{"limit":"1","ttl":"1000"}]'),
    requests: times(2, '/shop'),
    statuses: [200, 429],
  },
];

describe.each(['theirs', 'ours'] as const)('throttlers under the guard of %s', (guard) => {
  const start = useThrottleApps('express');

  it.each(SCENARIOS)('$name', async ({ options, requests, statuses }) => {
    const app = await start(GUARDS[guard](options));
    await expect(statusesFor(app, requests)).resolves.toEqual(statuses);
  });

  it.each([
    ['a text', 'Slow down'],
    ['a function', (_context: unknown, { limit, tracker }: Detail) => `${tracker}: ${limit}`],
  ])('says what errorMessage says: %s', async (_name, errorMessage) => {
    const throttlers = [{ limit: 1, ttl: 60_000 }];
    const app = await start(GUARDS[guard]({ throttlers, errorMessage }));
    await app.ask('GET', '/shop');
    const { status, body } = await app.ask('GET', '/shop');
    const said = typeof errorMessage === 'string' ? errorMessage : '127.0.0.1: 1';
    expect(JSON.parse(body)).toMatchObject({ message: said });
    expect(status).toBe(429);
  });

  it('sends no headers where it is not to', async () => {
    const throttlers = [{ limit: 1, ttl: 60_000 }];
    const app = await start(GUARDS[guard]({ throttlers, setHeaders: false }));
    for (const status of [200, 429]) {
      const answer = await app.ask('GET', '/shop');
      expect(answer.status).toBe(status);
      expect(rateHeaders(answer)).toEqual([null, null, null, null, null]);
    }
  });
});

interface Detail {
  readonly limit: number;
  readonly tracker: string;
}

/** A filter for the exception of the package that was there before. */
@Catch(ThrottlerException)
class TeapotFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(_error: ThrottlerException, host: ArgumentsHost): void {
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), 'tea', 418);
  }
}

@Module({
  providers: [
    {
      provide: APP_FILTER,
      inject: [HttpAdapterHost],
      useFactory: (host: HttpAdapterHost) => new TeapotFilter(host),
    },
  ],
})
class TeapotModule {}

class TwoOptions implements ThrottlerOptionsFactory {
  createThrottlerOptions(): ThrottlerModuleOptions {
    return TWO;
  }
}

/** Counts by a name of its own, for routes of any class. */
class SharingGuard extends RateLimitGuard {
  protected override generateKey(_context: unknown, tracker: string, name: string): string {
    return `${name} of ${tracker}`;
  }

  protected override async getTracker(request: HttpRequest): Promise<string> {
    return String(request.headers['x-user'] ?? 'nobody');
  }

  protected override async getErrorMessage(): Promise<string> {
    return 'not so fast';
  }
}

describe.each(PLATFORMS)('throttlers beside our own limits on %s', (platform) => {
  const start = useThrottleApps(platform);

  it.each([
    ['a factory', ThrottlerModule.forRootAsync({ useFactory: () => TWO })],
    ['a class', ThrottlerModule.forRootAsync({ useClass: TwoOptions })],
  ])('takes options from %s', async (_name, theirs) => {
    const app = await start({ imports: [theirs, ThrottleModule.forRoot(), ShopModule] });
    await expect(statusesFor(app, times(3, '/shop'))).resolves.toEqual([200, 200, 429]);
  });

  it('needs no throttler module, and then ignores its decorators', async () => {
    const app = await start({ imports: [ThrottleModule.forRoot(), ShopModule] });
    await expect(statusesFor(app, times(3, '/shop/strict'))).resolves.toEqual([200, 200, 200]);
    await expect(statusesFor(app, times(2, '/mixed/ours'))).resolves.toEqual([200, 429]);
  });

  it('holds both kinds together, and counts neither where one denies', async () => {
    const app = await start(GUARDS.ours([{ limit: 5, ttl: 60_000, blockDuration: 0 }]));
    await expect(statusesFor(app, times(3, '/mixed/ours'))).resolves.toEqual([200, 429, 429]);
    const { headers } = await app.ask('GET', '/mixed/ours');
    expect(headers.get('ratelimit')).toBe(
      '"@GET /mixed/ours";r=0;t=60, "@throttler default GET /mixed/ours";r=4;t=60',
    );
    await expect(
      statusesFor(app, [...times(2, '/mixed/theirs'), ['/mixed/theirs', 1_000]]),
    ).resolves.toEqual([200, 429, 200]);
  });

  it('exempts from both what @SkipRateLimit names', async () => {
    const app = await start(GUARDS.ours([{ limit: 1, ttl: 60_000 }]));
    await expect(statusesFor(app, times(3, '/mixed/free'))).resolves.toEqual([200, 200, 200]);
  });

  it('leaves throttlers alone where it is told to', async () => {
    const imports = [
      ThrottlerModule.forRoot(TWO),
      ThrottleModule.forRoot({ throttlers: false }),
      ShopModule,
    ];
    const app = await start({ imports });
    await expect(statusesFor(app, times(3, '/shop'))).resolves.toEqual([200, 200, 200]);
  });

  it('answers a 429 in our own words, with one Retry-After', async () => {
    const app = await start(GUARDS.ours([{ name: 'burst', limit: 1, ttl: 60_000 }]));
    await app.ask('GET', '/shop');
    const answer = await app.ask('GET', '/shop');
    expect(rateHeaders(answer)).toEqual(['1', '0', '60', 'memory', '60']);
    expect(answer.headers.get('retry-after-burst')).toBeNull();
    expect(JSON.parse(answer.body)).toEqual({
      error: 'Rate limit exceeded',
      message: 'Too many requests. Limit: 1/min',
      retry_after: 60,
    });
  });

  it('is caught by filters for the exception of the package', async () => {
    const { imports } = GUARDS.ours(TWO);
    const app = await start({ imports: [...imports, TeapotModule] });
    await expect(statusesFor(app, times(3, '/shop'))).resolves.toEqual([200, 200, 418]);
  });

  it('asks a subclass for tracker, key and message', async () => {
    const imports = [
      ThrottlerModule.forRoot(TWO),
      ThrottleModule.forRoot({ guard: SharingGuard }),
      ShopModule,
    ];
    const app = await start({ imports });
    const requests: Asked[] = [['/shop'], ['/shop/no-short'], ['/shop'], ['/shop', 0, ANN]];
    await expect(statusesFor(app, requests)).resolves.toEqual([200, 200, 429, 200]);
    const { body } = await app.ask('GET', '/shop');
    expect(JSON.parse(body)).toMatchObject({ message: 'not so fast' });
  });

  it('names its policies for operators', async () => {
    const app = await start(GUARDS.ours(NAMED));
    await app.ask('GET', '/shop');
    const names = app.app
      .get(RequestPolicies)
      .known.list()
      .map(({ name }) => name);
    expect(names.toSorted()).toEqual(['@throttler long GET /shop', '@throttler short GET /shop']);
  });

  it('counts once where their guard counts in our storage', async () => {
    const theirs = ThrottlerModule.forRootAsync({
      inject: [BackplaneThrottlerStorage],
      useFactory: (storage: BackplaneThrottlerStorage) => ({ throttlers: TWO, storage }),
    });
    const app = await start({
      imports: [theirs, ThrottleModule.forRoot({ throttlers: false }), StockGuardModule],
    });
    const requests: Asked[] = [
      ...times(3, '/shop'),
      ['/shop', 1_000],
      ['/mixed/ours'],
      ['/mixed/ours'],
    ];
    await expect(statusesFor(app, requests)).resolves.toEqual([200, 200, 429, 200, 200, 429]);
    expect(app.app.get(RequestPolicies).known.list()).toHaveLength(1);
  });

  it('is limited although its storage stayed when their guard went', async () => {
    const theirs = ThrottlerModule.forRootAsync({
      inject: [BackplaneThrottlerStorage],
      useFactory: (storage: BackplaneThrottlerStorage) => ({ throttlers: TWO, storage }),
    });
    const app = await start({ imports: [theirs, ThrottleModule.forRoot(), ShopModule] });
    await expect(statusesFor(app, times(3, '/shop'))).resolves.toEqual([200, 200, 429]);
  });
});

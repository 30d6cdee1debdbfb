import { Controller, Get } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import fc from 'fast-check';
import { BackplaneExceptionFilter } from '../../../src/common/http/index.js';
import { AdminModule } from '../../../src/modules/admin/index.js';
import { HealthModule } from '../../../src/modules/health/index.js';
import { EventStream } from '../../../src/common/events/index.js';
import { masters } from '../../../src/common/redis/index.js';
import {
  mergeSummaries,
  type OffenderSummary,
} from '../../../src/modules/throttle/offenders/offender-summary.js';
import {
  PERIOD_MS,
  RecentOffenders,
} from '../../../src/modules/throttle/offenders/recent-offenders.js';
import { SpaceSaving } from '../../../src/modules/throttle/offenders/space-saving.js';
import { topOffendersProvider } from '../../../src/modules/throttle/offenders/top-offenders.provider.js';
import { TopOffenders } from '../../../src/modules/throttle/offenders/top-offenders.js';
import {
  RateLimit,
  ThrottleAdminController,
  type ThrottleDriver,
  ThrottleModule,
  ThrottleService,
} from '../../../src/modules/throttle/index.js';
import { resolveThrottleOptions } from '../../../src/modules/throttle/throttle.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { PLATFORMS, startApp, type TestApp } from '../../support/app.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';

const CAPACITY = 5;
/** Some come often, and more of them than are counted. */
const denials = fc.array(fc.oneof(fc.nat(3), fc.nat(3), fc.nat(20)).map(String), {
  maxLength: 200,
  // Else most are too short to fill a sketch.
  size: 'max',
});

function sketchOf(subjects: readonly string[]): SpaceSaving {
  const sketch = new SpaceSaving(CAPACITY);
  for (const subject of subjects) sketch.add('api', subject);
  return sketch;
}

/** Every count is what it was, or too high by its error at most; so is what is said of all others. */
function expectBounds(summary: OffenderSummary, subjects: readonly string[]): void {
  const timesOf = (wanted: string): number => subjects.filter((each) => each === wanted).length;
  for (const { subject, blocked, error } of summary.offenders) {
    expect(blocked).toBeGreaterThanOrEqual(timesOf(subject));
    expect(blocked - error).toBeLessThanOrEqual(timesOf(subject));
  }
  const listed = new Set(summary.offenders.map(({ subject }) => subject));
  for (const subject of subjects) {
    if (!listed.has(subject)) expect(timesOf(subject)).toBeLessThanOrEqual(summary.unlisted);
  }
  const counts = summary.offenders.map(({ blocked }) => blocked);
  expect(counts).toEqual(counts.toSorted((a, b) => b - a));
}

describe('the sketch of who is denied most', () => {
  it('counts within its error, which is at most the denials ÷ its capacity', () => {
    fc.assert(
      fc.property(denials, fc.integer({ min: 1, max: CAPACITY }), (subjects, most) => {
        const summary = sketchOf(subjects).summary(most);
        expectBounds(summary, subjects);
        expect(summary.offenders.length).toBe(Math.min(most, CAPACITY, new Set(subjects).size));
        const worst = Math.max(0, ...summary.offenders.map(({ error }) => error));
        expect(worst).toBeLessThanOrEqual(subjects.length / CAPACITY);
        const whole = sketchOf(subjects).summary(1_000);
        expect(whole.offenders.length).toBeLessThanOrEqual(CAPACITY);
        expect(whole.unlisted).toBeLessThanOrEqual(subjects.length / CAPACITY);
      }),
    );
  });

  it('is exact as long as there is room', () => {
    const { offenders, unlisted } = sketchOf(['a', 'b', 'a', 'c', 'a', 'b']).summary(10);
    expect(offenders.map(({ subject, blocked, error }) => [subject, blocked, error])).toEqual([
      ['a', 3, 0],
      ['b', 2, 0],
      ['c', 1, 0],
    ]);
    expect(unlisted).toBe(0);
  });

  it('keeps a policy and a subject apart, whatever they are called', () => {
    const sketch = new SpaceSaving(CAPACITY);
    sketch.add('a', 'b:c');
    sketch.add('a:b', 'c');
    sketch.add('ab', ':c');
    expect(sketch.summary(10).offenders).toHaveLength(3);
  });

  it('of several is one, within the errors of all', () => {
    const parts = fc.array(denials, { maxLength: 4 });
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 30 }), (subjects, most) => {
        const summaries = subjects.map((part) => sketchOf(part).summary(CAPACITY - 1));
        expectBounds(mergeSummaries(summaries, most), subjects.flat());
      }),
    );
  });

  it('forgets denials after two periods at the latest, and after one at the earliest', () => {
    const clock = new FakeClock();
    const recent = new RecentOffenders(clock);
    const counts = () => recent.summary(10).offenders.map(({ blocked }) => blocked);
    recent.add('api', 'alice');
    clock.advance(PERIOD_MS - 1);
    recent.add('api', 'alice');
    clock.advance(1);
    recent.add('api', 'alice');
    expect(counts()).toEqual([3]);
    clock.advance(PERIOD_MS - 1);
    expect(counts()).toEqual([3]);
    clock.advance(1);
    expect(counts()).toEqual([1]);
    clock.advance(2 * PERIOD_MS);
    expect(counts()).toEqual([]);
  });

  it('changes with a denial and when one is forgotten, so that others are told, and else never', () => {
    const clock = new FakeClock();
    const recent = new RecentOffenders(clock);
    const versions = [recent.version];
    const pass = (periods: number) => {
      clock.advance(periods * PERIOD_MS);
      versions.push(recent.version);
    };
    pass(3);
    recent.add('api', 'alice');
    versions.push(recent.version);
    for (let period = 0; period < 4; period += 1) pass(1);
    expect(versions).toEqual([0, 0, 1, 2, 3, 3, 3]);
  });
});

describe('where the worst offenders are told', () => {
  const redis = useRedis('standalone');

  it.each([
    ['redis', 'instances are counted by a heartbeat', {}],
    ['redis', 'their number is given', { instances: 2 }],
    ['memory', 'the application has a driver of its own', { driver: () => ({}) as ThrottleDriver }],
  ] as const)('is %s where %s', async (backing, _where, options) => {
    const open = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
    const resolved = resolveThrottleOptions(options);
    const offenders = await topOffendersProvider.useFactory(
      open.events,
      new FakeClock(),
      resolved,
      open.redis,
    );
    expect(await offenders.top(1)).toEqual({ offenders: [], backing });
    open.close();
  });
});

describe.each(['standalone', 'cluster'] as const)(
  'the worst offenders, on redis %s',
  (topology) => {
    const redis = useRedis(topology);
    const opened: OpenRedis[] = [];
    const running: TopOffenders[] = [];
    let prefix: string;

    beforeEach(() => (prefix = uniquePrefix()));
    afterEach(async () => {
      await Promise.all(running.splice(0).map((each) => each.beforeApplicationShutdown()));
      for (const { close } of opened.splice(0)) close();
    });

    async function instance(intervalMs = 20) {
      const shared = redis();
      const target = 'addresses' in shared ? { cluster: shared.addresses } : { url: shared.url };
      const open = await openRedis(target, { prefix });
      opened.push(open);
      const { connection } = open;
      const events = new EventStream();
      const offenders = new TopOffenders({
        events,
        clock: new FakeClock(),
        connection,
        intervalMs,
      });
      running.push(offenders);
      offenders.onApplicationBootstrap();
      const deny = (subject: string, times = 1): void => {
        for (let time = 0; time < times; time += 1) {
          events.emit('throttle.blocked', { policy: 'api', subject, retryAfterMs: 1 });
        }
      };
      return { offenders, deny, open };
    }

    const key = (part = '') => `${prefix}:throttle:v1:{offenders}${part}`;
    const worst = (subject: string, blocked: number) => ({
      policy: 'api',
      subject,
      blocked,
      error: 0,
    });
    const server = (open: OpenRedis) => {
      const client = open.connection.client('command');
      return masters(client).length > 1 ? client : (masters(client)[0] ?? client);
    };

    it('are those of all instances, whichever is asked, and are told within an interval', async () => {
      const [one, other] = [await instance(), await instance()];
      one.deny('alice', 3);
      one.deny('bob', 2);
      other.deny('bob', 2);
      other.deny('carol');
      const all = [worst('bob', 4), worst('alice', 3), worst('carol', 1)];
      for (const { offenders } of [one, other]) {
        await eventually(async () => {
          expect(await offenders.top(10)).toEqual({ offenders: all, backing: 'redis' });
        });
      }
      one.deny('carol', 4);
      expect((await one.offenders.top(1)).offenders).toEqual([worst('carol', 5)]);
      await eventually(async () => {
        expect((await other.offenders.top(1)).offenders).toEqual([worst('carol', 5)]);
      });
    });

    it('cost a write only where somebody was denied since the last one', async () => {
      const [idle, told, busy] = [await instance(), await instance(), await instance()];
      told.deny('alice');
      await eventually(async () => expect((await idle.offenders.top(9)).offenders).toHaveLength(1));
      const redisOf = server(idle.open);
      const times = async (): Promise<readonly unknown[]> =>
        [await redisOf.call('ZRANGE', key(':times'), '0', '-1', 'WITHSCORES')].flat(2);
      const before = await times();
      for (let round = 1; round <= 5; round += 1) {
        busy.deny('bob', 2);
        await eventually(async () => {
          expect((await idle.offenders.top(1)).offenders).toEqual([worst('bob', 2 * round)]);
        });
      }
      const after = await times();
      expect(after).toHaveLength(4);
      expect(after).toEqual(expect.arrayContaining(before));
    });

    it('are forgotten with an instance that told nothing for two periods', async () => {
      const { offenders, deny, open } = await instance();
      const redisOf = server(open);
      const gone = { offenders: [worst('long ago', 9)], unlisted: 0 };
      await redisOf.hset(key(), 'gone', JSON.stringify(gone));
      await redisOf.zadd(key(':times'), String(Date.now() - 2 * PERIOD_MS - 60_000), 'gone');
      expect(await offenders.top(9)).toEqual({ offenders: [], backing: 'redis' });
      deny('alice');
      await eventually(async () => expect(await redisOf.hkeys(key())).not.toContain('gone'));
      expect(await redisOf.zcard(key(':times'))).toBe(1);
      for (const each of [key(), key(':times')]) {
        const ttl = await redisOf.pttl(each);
        expect(ttl).toBeGreaterThan(0);
        expect(ttl).toBeLessThanOrEqual(2 * PERIOD_MS);
      }
    });

    it.each(['not JSON', '[]', '{"offenders":[{"policy":1}],"unlisted":0}'])(
      'leave out what something else wrote: %s',
      async (text) => {
        const { offenders, deny, open } = await instance(60_000);
        await server(open).hset(key(), 'foreign', text);
        await server(open).zadd(key(':times'), Date.now(), 'foreign');
        deny('alice');
        expect((await offenders.top(9)).offenders).toEqual([worst('alice', 1)]);
      },
    );

    it('are those of the process alone while Redis is away', async () => {
      const { offenders, deny, open } = await instance();
      deny('alice');
      open.close();
      expect(await offenders.top(9)).toEqual({ offenders: [worst('alice', 1)], backing: 'memory' });
    });
  },
);

@Controller('cats')
class CatsController {
  @RateLimit({ limit: 1, window: '1h' })
  @Get()
  once(): void {}
}

describe.each(PLATFORMS)('the worst offenders for operators on %s', (platform) => {
  const token = 'a-token-of-an-operator';
  const once = { name: 'of the service', limit: 1, window: '1h' } as const;
  let server: TestApp;

  beforeAll(async () => {
    server = await startApp(platform, {
      imports: [
        ThrottleModule.forRoot(),
        HealthModule.forRoot(),
        AdminModule.forRoot({ token, controllers: [ThrottleAdminController] }),
      ],
      controllers: [CatsController],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
  });

  afterAll(() => server.close());

  async function ask(query: string) {
    const headers = { Authorization: `Bearer ${token}` };
    const url = `${server.url}/api/v1/redis/rate-limit/top${query}`;
    const response = await fetch(url, { headers });
    return { status: response.status, body: (await response.json()) as unknown };
  }

  it('are told the worst first, of limits of requests and of the service', async () => {
    const throttle = server.app.get(ThrottleService);
    for (let time = 0; time < 6; time += 1) await throttle.consume('user:eve', once);
    for (let time = 0; time < 5; time += 1) await fetch(`${server.url}/cats`);
    const eve = { policy: once.name, subject: 'user:eve', blocked: 5, error: 0 };
    const client = { policy: '@GET /cats', subject: '127.0.0.1', blocked: 4, error: 0 };
    const all = { offenders: [eve, client], backing: 'memory' };
    expect(await ask('')).toEqual({ status: 200, body: all });
    expect(await ask('?limit=1')).toEqual({ status: 200, body: { ...all, offenders: [eve] } });
  });

  it.each(['limit=0', 'limit=101', 'limit=many', 'limit=1.5', 'most=1'])(
    'are refused with 400 where they are asked for with %s',
    async (query) => {
      expect(await ask(`?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'E_INVALID_OPTION' },
      });
    },
  );
});

import { Controller, Get, Inject } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { BackplaneExceptionFilter } from '../../src/common/http/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { AdminModule } from '../../src/modules/admin/index.js';
import {
  CacheAdminController,
  CacheModule,
  CacheResponse,
  CacheService,
  CacheWarm,
  type CacheWarmContext,
} from '../../src/modules/cache/index.js';
import { HealthModule } from '../../src/modules/health/index.js';
import { type Platform, PLATFORMS, startApp, type TestApp } from '../support/app.js';
import { uniquePrefix, useRedis } from '../support/redis/shared-redis.js';

const TOKEN = 'a-token-of-an-operator';
const aNumber = expect.any(Number) as unknown;
const PATH = '/api/v1/redis/cache';
const STRANGE = [
  'a/b?c=d&e#f',
  'a+b c%20d',
  'билет 🐎',
  '*',
  '{a}:b',
  '__proto__',
  'k'.repeat(1_024),
];

const TABLE: readonly (readonly [Platform, 'memory' | 'redis'])[] = PLATFORMS.flatMap(
  (platform) => [[platform, 'memory'] as const, [platform, 'redis'] as const],
);

@Controller()
class PricesController {
  constructor(@Inject(CacheService) private readonly cache: CacheService) {}

  @CacheWarm({ name: 'prices', atBoot: false })
  async warmPrices({ progress }: CacheWarmContext) {
    await this.cache.set('warm:price', 1);
    progress(1, 1);
  }

  @CacheWarm({ name: 'broken', atBoot: false })
  warmBroken() {
    throw new TypeError('no source');
  }

  @CacheResponse({ key: 'prices' })
  @Get('prices')
  prices() {
    return { eur: 1, since: new Date(0) };
  }

  @CacheResponse({ key: 'motto' })
  @Get('motto')
  motto() {
    return 'once is enough';
  }
}

describe.each(TABLE)('the cache for operators on %s, kept in %s', (platform, backing) => {
  const redis = backing === 'redis' ? useRedis('standalone') : undefined;
  let server: TestApp;
  let cache: CacheService;

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
        CacheModule.forRoot({ deadline: '5s', ttl: '5m', maxValueBytes: 2_000 }),
        HealthModule.forRoot(),
        AdminModule.forRoot({ token: TOKEN, controllers: [CacheAdminController] }),
      ],
      controllers: [PricesController],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
    cache = server.app.get(CacheService);
  });

  afterEach(async () => {
    await cache.deleteMatching('*');
  });

  afterAll(() => server.close());

  async function ask(what: string, body?: unknown, token = TOKEN) {
    const [method = 'GET', path = ''] = what.split(' ');
    const raw = typeof body === 'string' ? body : JSON.stringify(body);
    const type = raw === undefined ? {} : { 'Content-Type': 'application/json' };
    const response = await fetch(`${server.url}${PATH}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...type },
      ...(raw === undefined ? {} : { body: raw }),
    });
    return { status: response.status, body: (await response.json()) as unknown };
  }

  const entry = (key: string) => `/entries?key=${encodeURIComponent(key)}`;

  it('is stored, shown and removed under keys with any character', async () => {
    for (const key of STRANGE) await cache.set(`${key.slice(1)}-`, 'its neighbour');
    for (const key of STRANGE) {
      const value = { key, list: [1, null, 'x'] };
      expect(await ask(`PUT ${entry(key)}`, { value })).toEqual({
        status: 200,
        body: { stored: true },
      });
      const shown = await ask(`GET ${entry(key)}`);
      expect(shown).toEqual({
        status: 200,
        body: { key, value, ttl_ms: aNumber, age_ms: aNumber },
      });
      expect(await cache.get(key)).toEqual(value);
      expect(await ask(`DELETE ${entry(key)}`)).toEqual({ status: 200, body: { removed: 1 } });
      expect(await ask(`DELETE ${entry(key)}`)).toEqual({ status: 200, body: { removed: 0 } });
    }
    expect(await cache.deleteMatching('*-')).toBe(STRANGE.length);
  });

  it('is stored for as long as it is told to, and else as the module says', async () => {
    const ttlOf = async () => {
      const { body } = await ask(`GET ${entry('key')}`);
      return (body as { ttl_ms: number }).ttl_ms;
    };
    await ask(`PUT ${entry('key')}`, { value: null });
    expect(await ttlOf()).toBeGreaterThan(290_000);
    expect(await ttlOf()).toBeLessThanOrEqual(300_000);
    await ask(`PUT ${entry('key')}`, { value: 0, ttl: '1h' });
    expect(await ttlOf()).toBeGreaterThan(3_590_000);
    await ask(`PUT ${entry('key')}`, { value: false, ttl: 60_000 });
    expect(await ttlOf()).toBeLessThanOrEqual(60_000);
  });

  it('shows values as near to JSON as it can', async () => {
    await cache.set('value', { big: 7n, map: new Map([['a', 1]]), at: new Date(0) });
    expect(await ask(`GET ${entry('value')}`)).toMatchObject({
      body: { value: { big: '7', map: [['a', 1]], at: '1970-01-01T00:00:00.000Z' } },
    });
  });

  it('shows the JSON of cached answers', async () => {
    await fetch(`${server.url}/prices`);
    await fetch(`${server.url}/motto`);
    expect(await ask(`GET ${entry('prices')}`)).toMatchObject({
      status: 200,
      body: { key: 'prices', value: { eur: 1, since: '1970-01-01T00:00:00.000Z' } },
    });
    expect(await ask(`GET ${entry('motto')}`)).toMatchObject({ body: { value: 'once is enough' } });
  });

  it('a value that operators store under the key of an answer is no answer', async () => {
    for (const value of [{ eur: 2 }, { stored: 'json', body: '{' }, { mark: 1 }]) {
      await ask(`PUT ${entry('prices')}`, { value });
      expect(await ask(`GET ${entry('prices')}`)).toMatchObject({ status: 200, body: { value } });
      expect(await (await fetch(`${server.url}/prices`)).json()).toMatchObject({ eur: 1 });
    }
  });

  it('tells that a value is too large to be stored', async () => {
    await cache.set('a', 1);
    const refused = await ask('PUT /entries?key=a', { value: 'x'.repeat(3_000) });
    expect(refused).toEqual({ status: 200, body: { stored: false } });
    expect(await cache.get('a')).toBeUndefined();
  });

  it('is cleared by pattern', async () => {
    for (const key of ['report:1', 'report:2', 'report*', 'user:1']) await cache.set(key, 1);
    const pattern = (text: string) => `DELETE ?pattern=${encodeURIComponent(text)}`;
    expect(await ask(pattern(String.raw`report\*`))).toEqual({ status: 200, body: { removed: 1 } });
    expect(await ask(pattern('report:?'))).toEqual({ status: 200, body: { removed: 2 } });
    expect(await ask(pattern('*'))).toEqual({ status: 200, body: { removed: 1 } });
    expect(await ask(pattern('*'))).toEqual({ status: 200, body: { removed: 0 } });
  });

  it('is outdated by tags and by namespace, softly where asked', async () => {
    await ask(`PUT ${entry('user:1')}`, { value: 1, tags: ['team:a', 'all'] });
    await ask(`PUT ${entry('user:2')}`, { value: 2, tags: ['team:b', 'all'] });
    await ask(`PUT ${entry('report:1')}`, { value: 3, tags: ['team:c'] });
    const left = () => Promise.all(['user:1', 'user:2', 'report:1'].map((key) => cache.get(key)));
    expect(await ask('DELETE ?tag=team:a')).toEqual({
      status: 200,
      body: { tags: ['team:a'], soft: false },
    });
    expect(await left()).toEqual([undefined, 2, 3]);
    expect(await ask('DELETE ?namespace=report&soft=true')).toEqual({
      status: 200,
      body: { namespace: 'report', soft: true },
    });
    expect(await left()).toEqual([undefined, 2, undefined]);
    expect(await ask(`GET ${entry('report:1')}`)).toMatchObject({
      status: 200,
      body: { value: 3, ttl_ms: 0 },
    });
    expect(await ask('DELETE ?tag=team:c&tag=team:b&soft=false')).toEqual({
      status: 200,
      body: { tags: ['team:c', 'team:b'], soft: false },
    });
    expect(await left()).toEqual([undefined, undefined, undefined]);
    expect(await ask(`GET ${entry('report:1')}`)).toMatchObject({ status: 404 });
  });

  it('is warmed up when asked to, by name or wholly, and says what came of it', async () => {
    const ms = { duration_ms: aNumber };
    const prices = { name: 'prices', outcome: 'done', ...ms, done: 1, total: 1 };
    const broken = { name: 'broken', outcome: 'failed', ...ms, error: 'no source' };
    expect(await ask('POST /warm', { name: 'prices' })).toEqual({
      status: 200,
      body: { warmed: [prices] },
    });
    expect(await cache.get('warm:price')).toBe(1);
    expect(await ask('POST /warm')).toEqual({ status: 200, body: { warmed: [prices, broken] } });
    expect(await ask('POST /warm', { name: 'unknown' })).toMatchObject({
      status: 404,
      body: { code: 'E_NOT_FOUND', message: 'No warm-up is called "unknown".' },
    });
  });

  it('tells its figures, of which looking at entries is no part', async () => {
    const names = ['hits', 'misses', 'stored', 'rejected', 'invalidated', 'purges'] as const;
    const figures = async () => {
      const { body } = await ask('GET /stats');
      return body as Record<(typeof names)[number] | 'hit_ratio', number>;
    };
    const before = await figures();
    for (const key of ['a', 'b']) await ask(`PUT ${entry(key)}`, { value: key });
    for (const key of ['a', 'a', 'a', 'c']) await cache.get(key);
    await cache.getOrSet('figures:d', () => () => 'a function has no bytes');
    await ask(`DELETE ${entry('a')}`);
    await ask('DELETE ?pattern=b');
    await ask('DELETE ?tag=t');
    await ask(`GET ${entry('absent')}`);
    const after = await figures();
    expect(names.map((name) => after[name] - before[name])).toEqual([3, 2, 2, 1, 2, 1]);
    const { hits, misses } = after;
    const hitRatio = hits / (hits + misses);
    expect(await ask('GET /stats')).toEqual({
      status: 200,
      body: { ...after, hit_ratio: hitRatio, backing },
    });
    expect(after).toMatchObject({
      hits_from_process: aNumber,
      hits_from_store: aNumber,
      stale_revalidating: 0,
      stale_on_error: 0,
      joined: 0,
      loads_failed: 0,
      evicted: 0,
      copies: { entries: aNumber, bytes: aNumber },
      namespaces: expect.arrayContaining([
        expect.objectContaining({ namespace: 'figures', hits: 0, misses: 1, hit_ratio: 0 }),
      ]) as unknown,
      top_keys: expect.arrayContaining([{ key: 'figures:d', lookups: 1 }]) as unknown,
      top_keys_error: 0,
    });
    const deep = await (await fetch(`${server.url}/health/deep`)).json();
    expect(deep).toMatchObject({ details: { cache: { hits, misses, hit_ratio: hitRatio } } });
  });

  it('answers 404 for a key under which nothing is cached, in the common shape', async () => {
    expect(await ask(`GET ${entry('report:1')}`)).toEqual({
      status: 404,
      body: {
        error: 'Not found',
        message: 'Nothing is cached under "report:1".',
        code: 'E_NOT_FOUND',
        request_id: expect.any(String) as unknown,
      },
    });
  });

  it.each([
    ['GET /entries', undefined, '"query.key"'],
    ['GET /entries?key=', undefined, '"query.key"'],
    ['GET /entries?key=a&key=b', undefined, '"query.key"'],
    ['GET /entries?key=a&ttl=1', undefined, '"query.ttl"'],
    [`GET ${entry('k'.repeat(1_025))}`, undefined, '"key"'],
    ['DELETE /entries', undefined, '"query.key"'],
    [`DELETE ${entry('é'.repeat(513))}`, undefined, '"key"'],
    ['DELETE ', undefined, '"query.pattern"'],
    ['DELETE ?pattern=', undefined, '"query.pattern"'],
    ['DELETE ?pattern=a&pattern=b', undefined, '"query.pattern"'],
    ['DELETE ?key=a', undefined, '"query.'],
    ['DELETE ?tag=', undefined, '"query.tag"'],
    ['DELETE ?tag=a&tag=', undefined, '"query.tag'],
    ['DELETE ?tag=a&pattern=b', undefined, '"query.pattern"'],
    ['DELETE ?tag=a&namespace=b', undefined, '"query.namespace"'],
    ['DELETE ?namespace=a:b', undefined, '"query.namespace"'],
    ['DELETE ?namespace=a&namespace=b', undefined, '"query.namespace"'],
    ['DELETE ?tag=a&soft=yes', undefined, '"query.soft"'],
    ['DELETE ?pattern=a&soft=true', undefined, '"query.soft"'],
    [`DELETE ?tag=${'t'.repeat(1_025)}`, undefined, '"tags"'],
    ['POST /warm', { name: '' }, '"body.name"'],
    ['POST /warm', { names: ['prices'] }, '"body.names"'],
    [`DELETE ?pattern=${'p'.repeat(1_025)}`, undefined, '"pattern"'],
    ['PUT /entries', { value: 1 }, '"query.key"'],
    [`PUT ${entry('k'.repeat(1_025))}`, { value: 1 }, '"key"'],
    ['PUT /entries?key=a', undefined, '"body.value"'],
    ['PUT /entries?key=a', {}, '"body.value"'],
    ['PUT /entries?key=a', [1], '"body"'],
    ['PUT /entries?key=a', { value: 1, ttl: -1 }, '"body.ttl"'],
    ['PUT /entries?key=a', { value: 1, ttl: 0 }, '"body.ttl"'],
    ['PUT /entries?key=a', { value: 1, ttl: 'soon' }, '"body.ttl"'],
    ['PUT /entries?key=a', { value: 1, tags: 'one' }, '"body.tags"'],
    ['PUT /entries?key=a', { value: 1, tags: [1] }, '"body.tags'],
    ['PUT /entries?key=a', { value: 1, tags: [''] }, '"tags"'],
    ['PUT /entries?key=a', { value: 1, jitter: 1 }, '"body.jitter"'],
  ])('answers 400 to %s with %j, naming %s', async (what, body, field) => {
    await cache.set('kept', 1);
    const refused = await ask(what, body);
    expect(refused).toMatchObject({
      status: 400,
      body: {
        error: 'Bad request',
        message: expect.stringContaining(field) as unknown,
        code: 'E_INVALID_OPTION',
        request_id: expect.any(String) as unknown,
      },
    });
    expect([await cache.get('kept'), await cache.get('a')]).toEqual([1, undefined]);
  });

  it('answers 400 to what is no JSON, and 401 without a hint to a wrong token', async () => {
    expect(await ask('PUT /entries?key=a', '{"value":')).toMatchObject({ status: 400 });
    await cache.set('a', 1);
    for (const what of [
      'GET /stats',
      'GET /entries?key=a',
      'PUT /entries?key=a',
      'DELETE /entries?key=a',
      'DELETE ?pattern=*',
      'DELETE ?namespace=a',
      'POST /warm',
    ]) {
      expect(
        await ask(what, what.startsWith('PUT') ? { value: 2 } : undefined, 'no'),
      ).toMatchObject({
        status: 401,
        body: { code: 'E_UNAUTHORIZED', message: 'Unauthorized' },
      });
    }
    expect(await cache.get('a')).toBe(1);
  });
});

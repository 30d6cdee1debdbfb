import { CACHE_MANAGER, Cache } from '@nestjs/cache-manager';
import { Inject, Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { RedisModule } from '../../../src/common/redis/index.js';
import { CacheManagerModule, CacheModule, CacheService } from '../../../src/modules/cache/index.js';
import { ThrottleModule, ThrottleService } from '../../../src/modules/throttle/index.js';
import { eventually } from '../../support/eventually.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';

@Injectable()
class Consumer {
  constructor(@Inject(CACHE_MANAGER) readonly cache: Cache) {}
}

interface Started {
  readonly module: TestingModule;
  readonly cache: Cache;
  readonly prefix: string;
}

/** Deadlines are for production; a busy test machine is not to look like an outage. */
const OPTIONS = { deadline: '5s' } as const;
const LIMIT = { name: 'login', limit: 5, window: '1m' } as const;

async function start(url?: string): Promise<Started> {
  const prefix = uniquePrefix();
  const redis =
    url === undefined
      ? []
      : [RedisModule.forRoot({ connections: { default: { url } }, prefix, bootTimeout: '10s' })];
  const module = await Test.createTestingModule({
    imports: [
      ...redis,
      CacheModule.forRoot(OPTIONS),
      CacheManagerModule.forRoot(),
      ThrottleModule.forRoot({ default: LIMIT, deadline: '5s' }),
    ],
    providers: [Consumer],
  }).compile();
  await module.init();
  return { module, cache: module.get(Consumer).cache, prefix };
}

describe.each(['memory', 'redis'] as const)('CACHE_MANAGER on %s', (backing) => {
  const redis = backing === 'redis' ? useRedis('standalone') : undefined;
  let started: Started;
  let cache: Cache;

  beforeEach(async () => {
    started = await start(redis?.().url);
    cache = started.cache;
  });

  afterEach(async () => {
    await cache.clear();
    await started.module.get(CacheService).deleteMatching('*');
    await started.module.close();
  });

  it('is also the Cache class', () => {
    expect(started.module.get(Cache)).toBe(cache);
  });

  it('get gives what was set', async () => {
    const value = { text: 'a', list: [1, null, { deep: true }] };
    await cache.set('key', value);
    expect(await cache.get('key')).toEqual(value);
    expect(await cache.get('absent')).toBeUndefined();
  });

  it('set stores nothing above maxValueBytes, and tells who listens to the store', async () => {
    const failures: unknown[] = [];
    for (const store of cache.stores) store.on('error', (error: unknown) => failures.push(error));
    await cache.set('key', 'x'.repeat(1_024 * 1_024));
    expect(failures).toMatchObject([{ code: 'E_CACHE_VALUE_TOO_LARGE' }]);
    expect((await cache.get('key')) === undefined).toBe(true);
  });

  it.each([
    '_function_alert|function alert() { return 1 }',
    '_date_2026-01-01T00:00:00.000Z',
    '_symbol_name',
    '_regexp_gi|a+',
    '_undefined_',
    '_duplicate_["v"]',
    ':base64:AAAA',
    '{"value":1}',
    '"',
    '',
    'null',
    '🐎 žluťoučký\n\0',
  ])('the text %j comes back as that text', async (text) => {
    await cache.set('text', text);
    await cache.set('nested', { list: [text] });
    expect(await cache.get('text')).toBe(text);
    expect(await cache.get('nested')).toEqual({ list: [text] });
  });

  it('del removes a key, and its neighbours stay', async () => {
    await cache.set('a:1', 1);
    await cache.set('a:2', 2);
    await cache.del('a:1');
    expect([await cache.get('a:1'), await cache.get('a:2')]).toEqual([undefined, 2]);
  });

  it('ttl says when an entry ends, and it ends', async () => {
    const before = Date.now();
    await cache.set('long', 1, 60_000);
    const end = await cache.ttl('long');
    expect(end).toBeGreaterThanOrEqual(before + 60_000);
    expect(end).toBeLessThanOrEqual(Date.now() + 60_000);
    await cache.set('short', 1, 20);
    await eventually(async () => (await cache.get('short')) === undefined);
    expect(await cache.get('long')).toBe(1);
  });

  it.each([0, 1_000.5, Infinity])('takes a ttl of %p, as other stores do', async (ttl) => {
    await cache.set('key', 'value', ttl);
    expect(await cache.get('key')).toBe('value');
  });

  it('mset, mget and mdel work on many', async () => {
    await cache.mset<unknown>([
      { key: 'a', value: 1 },
      { key: 'b', value: 'two', ttl: 60_000 },
    ]);
    expect(await cache.mget(['a', 'absent', 'b'])).toEqual([1, undefined, 'two']);
    await cache.mdel(['a', 'b']);
    expect(await cache.mget(['a', 'b'])).toEqual([undefined, undefined]);
  });

  it('wrap runs the function on a miss only', async () => {
    const load = jest.fn(async () => ({ loaded: true }));
    expect(await cache.wrap('key', load)).toEqual({ loaded: true });
    expect(await cache.wrap('key', load)).toEqual({ loaded: true });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('takes keys of any characters, and a key longer than 1 kB is never found', async () => {
    const keys = ['a b', 'a:b', '*', '{}', '🐎', 'a\nb', '__proto__', '%'];
    await Promise.all(keys.map((key) => cache.set(key, `value of ${key}`)));
    expect(await cache.mget(keys)).toEqual(keys.map((key) => `value of ${key}`));
    const tooLong = 'k'.repeat(1_025);
    await cache.set(tooLong, 1);
    expect(await cache.get(tooLong)).toBeUndefined();
  });

  it('keeps its entries apart from those of CacheService', async () => {
    const service = started.module.get(CacheService);
    await cache.set('key', 'through the token');
    await service.set('key', 'through the service');
    expect(await cache.get('key')).toBe('through the token');
    await cache.clear();
    expect(await cache.get('key')).toBeUndefined();
    expect(await service.get('key')).toBe('through the service');
  });

  if (redis !== undefined) {
    it('clear removes what was stored through the token, and no other key of the server', async () => {
      const { module, prefix } = started;
      const entries = `${prefix}:cache-manager:v1:`;
      const foreign = [
        `${prefix}`,
        `foreign:${prefix}:cache-manager:v1:{a}`,
        `${prefix}:cache-manager`,
        `${prefix}:cache-manager:v2:{a}`,
        `${prefix}:cache-manager:v1x{a}`,
        `${prefix}x:cache-manager:v1:{a}`,
      ];
      const list = () => queryRedis(redis().url, (client) => client.keys(`*${prefix}*`));
      await queryRedis(redis().url, (client) => client.mset(foreign.flatMap((key) => [key, '1'])));
      await module.get(CacheService).set('ours', 1);
      await module.get(ThrottleService).consume('subject', LIMIT);
      const before = await list();
      expect(before.filter((key) => key.includes(':throttle:'))).not.toEqual([]);
      expect(before.filter((key) => key.includes(':cache:')).toSorted()).toEqual([
        `${prefix}:cache:v2:{ours}`,
        `${prefix}:cache:v2:{tags}:clocks`,
      ]);

      await Promise.all(['a', 'b:c', '*', '🐎'].map((key) => cache.set(key, 1)));
      const during = (await list()).filter((key) => !before.includes(key));
      expect(during).toHaveLength(4);
      expect(during.every((key) => key.startsWith(entries))).toBe(true);

      await cache.clear();
      expect((await list()).toSorted()).toEqual(before.toSorted());
      await queryRedis(redis().url, (client) => client.unlink(foreign));
    });

    it('every entry has a time to live, also one that is to live for ever', async () => {
      await cache.set('key', 1, 0);
      const key = `${started.prefix}:cache-manager:v1:{key}`;
      const left = await queryRedis(redis().url, (client) => client.pttl(key));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(300_000);
    });
  }
});

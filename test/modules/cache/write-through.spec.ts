import type { RedisTarget } from '../../../src/common/redis/index.js';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import { defineCacheKey } from '../../../src/modules/cache/cache-key.js';
import type { CacheService } from '../../../src/modules/cache/cache.service.js';
import { BypassCacheDriver } from '../../../src/modules/cache/drivers/bypass-cache.driver.js';
import { CacheChannel } from '../../../src/modules/cache/drivers/cache-channel.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import { FakeClock } from '../../../src/testing/index.js';
import { openRedis } from '../../support/connect.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { cacheHarness } from './cache-harness.js';
import { SharedMemory } from './shared-memory.js';

/** Two processes with one store, each with its copies. */
interface Processes {
  readonly one: CacheService;
  readonly two: CacheService;
  readonly driver: CacheDriver;
  readonly close: () => void;
}

async function inMemory(): Promise<Processes> {
  const shared = new SharedMemory(new FakeClock());
  const [first, second] = [shared.view(), shared.view()];
  const { cache: one } = cacheHarness({}, { driver: () => first.driver });
  const { cache: two } = cacheHarness({}, { driver: () => second.driver });
  return { one, two, driver: first.driver, close: () => undefined };
}

async function onRedis(target: RedisTarget): Promise<Processes> {
  const prefix = uniquePrefix();
  const open = async () => {
    const redis = await openRedis(target, { prefix });
    const channel = new CacheChannel(redis.connection);
    const driver = new RedisCacheDriver(redis.connection, { deadlineMs: 5_000, channel });
    const { cache } = cacheHarness({}, { driver: () => driver });
    await eventually(() => driver.changes.isComplete);
    const close = (): void => {
      channel.onApplicationShutdown();
      redis.close();
    };
    return { cache, driver, close };
  };
  const [first, second] = await Promise.all([open(), open()]);
  const close = (): void => {
    first.close();
    second.close();
  };
  return { one: first.cache, two: second.cache, driver: first.driver, close };
}

describe.each(['memory', 'standalone', 'cluster'] as const)('write-through, %s', (backing) => {
  const standalone = backing === 'standalone' ? useRedis('standalone') : undefined;
  const cluster = backing === 'cluster' ? useRedis('cluster') : undefined;
  let one: CacheService;
  let two: CacheService;
  let driver: CacheDriver;
  let close: () => void;

  beforeEach(async () => {
    if (cluster) ({ one, two, driver, close } = await onRedis({ cluster: cluster().addresses }));
    else if (standalone) ({ one, two, driver, close } = await onRedis({ url: standalone().url }));
    else ({ one, two, driver, close } = await inMemory());
  });

  afterEach(async () => {
    await one.deleteMatching('*');
    close();
  });

  it('writes the source, then the cache, and answers what the source did', async () => {
    const seen: unknown[] = [];
    const row = await one.writeThrough('key', { n: 1 }, async (value) => {
      seen.push(value, await driver.get('key'));
      return 'row 1';
    });
    expect([row, seen]).toEqual(['row 1', [{ n: 1 }, undefined]]);
    expect(await one.get('key')).toEqual({ n: 1 });
    expect(await two.get('key')).toEqual({ n: 1 });
  });

  it('that the source refuses leaves the cache as it was', async () => {
    await one.set('key', 'before');
    const refusal = new Error('refused');
    const write = (): Promise<never> => Promise.reject(refusal);
    await expect(one.writeThrough('key', 'after', write)).rejects.toBe(refusal);
    expect(await one.get('key')).toBe('before');
    expect(await two.get('key')).toBe('before');
  });

  it('outdates the copies of other processes', async () => {
    // Loaded, which nobody is told of: what comes late of a `set` would hide what does not come.
    await two.getOrSet('key', () => 'before');
    expect(await one.get('key')).toBe('before');
    await one.writeThrough('key', 'after', () => undefined);
    expect(await one.get('key')).toBe('after');
    await eventually(async () => expect(await two.get('key')).toBe('after'));
  });

  it.each([
    ['before the source was written', true],
    ['after', false],
  ])('is not overwritten by a load from before, which stores %s', async (_when, isEarly) => {
    const [loading, loaded] = [new Deferred<undefined>(), new Deferred<string>()];
    const load = two.getOrSet('key', () => {
      loading.resolve(undefined);
      return loaded.promise;
    });
    await loading.promise;
    const finish = async (): Promise<unknown> => {
      loaded.resolve('before');
      return load;
    };
    await one.writeThrough('key', 'after', async () => void (isEarly && (await finish())));
    expect(await finish()).toBe('before');
    // Where it could not be told whose value is newer there is none.
    const left = isEarly ? undefined : 'after';
    await eventually(async () => expect(await two.get('key')).toBe(left));
    expect(await one.get('key')).toBe(left);
  });

  it('that is overtaken by another process leaves no older value than its own', async () => {
    const [isWritten, mayGoOn] = [new Deferred<undefined>(), new Deferred<undefined>()];
    const source: string[] = [];
    const slow = one.writeThrough('key', 'first', async (value) => {
      source.push(value);
      isWritten.resolve(undefined);
      await mayGoOn.promise;
    });
    await isWritten.promise;
    await two.writeThrough('key', 'second', (value) => source.push(value));
    mayGoOn.resolve(undefined);
    await slow;
    expect(source.at(-1)).toBe('second');
    await eventually(async () => expect(await two.get('key')).toBeUndefined());
    expect(await one.get('key')).toBeUndefined();
  });

  it('keeps its tags', async () => {
    await one.writeThrough('key', 'value', () => undefined, { tags: ['tag'] });
    await two.invalidateTags(['tag']);
    await eventually(async () => expect(await one.get('key')).toBeUndefined());
  });

  it('whose tag is purged meanwhile leaves nothing', async () => {
    const purge = (): Promise<void> => two.invalidateTags(['tag']);
    await one.writeThrough('key', 'value', purge, { tags: ['tag'] });
    expect(await one.get('key')).toBeUndefined();
    expect(await driver.get('key')).toBeUndefined();
  });
});

describe('write-through', () => {
  it('of one key runs one at a time, in the order of the calls', async () => {
    const { cache } = cacheHarness();
    const [first, log] = [new Deferred<undefined>(), [] as string[]];
    const slow = cache.writeThrough('key', 1, async () => {
      log.push('1 begins');
      await first.promise;
      log.push('1 ends');
    });
    const quick = cache.writeThrough('key', 2, () => log.push('2'));
    await cache.writeThrough('other', 3, () => log.push('other'));
    first.resolve(undefined);
    await Promise.all([slow, quick]);
    expect(log).toEqual(['1 begins', 'other', '1 ends', '2']);
    expect(await cache.get('key')).toBe(2);
  });

  it('goes on after one that failed', async () => {
    const { cache } = cacheHarness();
    const failing = cache.writeThrough('key', 1, () => Promise.reject(new Error('refused')));
    const following = cache.writeThrough('key', 2, () => 'written');
    await expect(failing).rejects.toThrow('refused');
    expect(await following).toBe('written');
  });

  it('of undefined, or of what is too large, leaves nothing in the cache', async () => {
    const { cache, of } = cacheHarness({ maxValueBytes: 100 });
    const written: unknown[] = [];
    for (const value of [undefined, 'v'.repeat(200)]) {
      await cache.set('key', 'before');
      await cache.writeThrough('key', value, (given) => written.push(given));
      expect(await cache.get('key')).toBeUndefined();
    }
    expect(written).toEqual([undefined, 'v'.repeat(200)]);
    expect(of('cache.rejected')).toEqual([{ key: 'key', reason: 'E_CACHE_VALUE_TOO_LARGE' }]);
  });

  it.each<[what: string, call: [key: string, value: unknown, ttl: number], code: string]>([
    ['a key', ['', 1, 1], 'E_INVALID_OPTION'],
    ['an option', ['key', 1, -1], 'E_INVALID_OPTION'],
    ['a value', ['key', Symbol('s'), 1], 'E_CODEC'],
  ])('refuses %s before the source is written', async (_what, [key, value, ttl], code) => {
    const { cache } = cacheHarness();
    const write = jest.fn();
    const through = cache.writeThrough(key, value, write, { ttl });
    await expect(through).rejects.toMatchObject({ code });
    await expect(cache.writeBehind(key, value, write, { ttl })).rejects.toMatchObject({ code });
    expect(write).not.toHaveBeenCalled();
  });

  it('does not fail, and says so, where the cache cannot be written', async () => {
    const broken = new Error('broken');
    const refuse = (): Promise<never> => Promise.reject(broken);
    const driver = { get: async () => undefined, begin: refuse, set: refuse, delete: refuse };
    const rest = { cancel: refuse, deleteMatching: refuse, purge: refuse };
    const { cache, of } = cacheHarness({}, { driver: () => ({ ...driver, ...rest }) });
    expect(await cache.writeThrough('key', 1, () => 'written')).toBe('written');
    expect(of('cache.write-unseen')).toEqual([{ key: 'key', error: broken }]);
  });

  it('lets nobody join a load from before, also where the cache keeps nothing', async () => {
    const { cache } = cacheHarness({}, { driver: () => new BypassCacheDriver() });
    const [loading, loaded] = [new Deferred<undefined>(), new Deferred<string>()];
    const before = cache.getOrSet('key', () => {
      loading.resolve(undefined);
      return loaded.promise;
    });
    await loading.promise;
    await cache.writeThrough('key', 'after', () => undefined);
    const after = cache.getOrSet('key', () => 'after');
    loaded.resolve('before');
    expect(await Promise.all([before, after])).toEqual(['before', 'after']);
  });

  it('leaves nothing where it is not known what the cache took', async () => {
    const view = new SharedMemory(new FakeClock()).view();
    const { cache } = cacheHarness({}, { driver: () => view.driver });
    await cache.set('key', 'before');
    view.driver.set = () => Promise.reject(new Error('no answer'));
    expect(await cache.writeThrough('key', 'after', () => 'written')).toBe('written');
    expect(await cache.get('key')).toBeUndefined();
  });
});

describe('the types', () => {
  interface User {
    readonly name: string;
  }
  const userKey = defineCacheKey<User, [id: number]>('user');

  it('are those of the key, and the write gets what is written', async () => {
    const { cache } = cacheHarness();
    const name = await cache.writeThrough(userKey(1), { name: 'Ada' }, (user) => user.name);
    // @ts-expect-error: not what the key is for
    await cache.writeThrough(userKey(2), { nom: 'Ada' }, () => undefined);
    await cache.writeBehind('plain', [1], (list) => list.push(2));
    expect(name).toBe('Ada');
  });
});

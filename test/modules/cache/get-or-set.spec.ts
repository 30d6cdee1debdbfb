import type { CacheService } from '../../../src/modules/cache/cache.service.js';
import { cacheHarness } from './cache-harness.js';
import { Deferred } from '../../support/deferred.js';

const CALLERS = Array.from({ length: 100 }, (_, caller) => caller);

interface Report {
  readonly list: number[];
  readonly bytes: Buffer;
}

describe('getOrSet', () => {
  it('runs one loader for 100 concurrent misses and stores its result once', async () => {
    const { cache, events } = cacheHarness();
    const loaded = new Deferred<string>();
    const load = jest.fn(() => loaded.promise);
    const answers = Promise.all(CALLERS.map(() => cache.getOrSet('key', load)));
    loaded.resolve('value');
    expect(new Set(await answers)).toEqual(new Set(['value']));
    expect(load).toHaveBeenCalledTimes(1);
    expect(events.filter(([name]) => name === 'cache.stored')).toHaveLength(1);
  });

  it('does not run the loader of a hit', async () => {
    const { cache } = cacheHarness();
    await cache.set('key', 'stored');
    const load = jest.fn(() => 'loaded');
    expect(await cache.getOrSet('key', load)).toBe('stored');
    expect(load).not.toHaveBeenCalled();
  });

  it('loads different keys side by side', async () => {
    const { cache } = cacheHarness();
    const load = (key: string) => cache.getOrSet(key, () => `value of ${key}`);
    expect(await Promise.all(['a', 'b'].map(load))).toEqual(['value of a', 'value of b']);
  });

  it('shares an error with all who wait, stores nothing and loads again next time', async () => {
    const { cache, driver } = cacheHarness();
    const load = jest.fn<Promise<string>, []>().mockRejectedValueOnce(new Error('once'));
    const outcomes = await Promise.allSettled(CALLERS.map(() => cache.getOrSet('key', load)));
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(load).toHaveBeenCalledTimes(1);
    expect(await driver.get('key')).toBeUndefined();
    load.mockResolvedValueOnce('value');
    expect(await cache.getOrSet('key', load)).toBe('value');
  });

  it('rejects when the loader throws at once', async () => {
    const { cache } = cacheHarness();
    const load = () => {
      throw new TypeError('at once');
    };
    await expect(cache.getOrSet('key', load)).rejects.toBeInstanceOf(TypeError);
  });

  it('does not store undefined', async () => {
    const { cache, driver } = cacheHarness();
    const load = jest.fn(() => undefined);
    expect(await cache.getOrSet('key', load)).toBeUndefined();
    expect(await cache.getOrSet('key', load)).toBeUndefined();
    expect(load).toHaveBeenCalledTimes(2);
    expect(await driver.get('key')).toBeUndefined();
  });

  it.each([null, 0, '', false, NaN])('stores %p', async (value) => {
    const { cache } = cacheHarness();
    const load = jest.fn(() => value);
    expect(await cache.getOrSet('key', load)).toBe(value);
    expect(await cache.getOrSet('key', load)).toBe(value);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('gives every caller a value of its own', async () => {
    const { cache } = cacheHarness();
    const load = (): Report => ({ list: [1], bytes: Buffer.from('same') });
    const answers = await Promise.all(CALLERS.map(() => cache.getOrSet('key', load)));
    const [first, ...others] = answers;
    first?.list.push(2);
    first?.bytes.fill(0);
    for (const other of others) expect(other).toEqual(load());
    expect(await cache.getOrSet('key', load)).toEqual(load());
  });

  it('does not hand out the object of the loader', async () => {
    const { cache } = cacheHarness();
    const own: Report = { list: [1], bytes: Buffer.from('own') };
    const found = await cache.getOrSet('key', () => own);
    found.list.push(2);
    expect(own.list).toEqual([1]);
  });

  it('misses and hits have the same types', async () => {
    class Money {
      constructor(readonly cents: bigint) {}
    }
    const { cache } = cacheHarness();
    const load = () => ({ money: new Money(5n), at: new Date(0), none: undefined });
    const miss = await cache.getOrSet('key', load);
    const hit = await cache.getOrSet('key', load);
    expect(miss).toStrictEqual({ money: { cents: 5n }, at: new Date(0), none: undefined });
    expect(hit).toStrictEqual(miss);
  });
});

describe('a load that is invalidated while it runs', () => {
  type Invalidate = (cache: CacheService) => Promise<unknown>;

  const INVALIDATIONS: readonly (readonly [how: string, by: Invalidate, stored: unknown])[] = [
    ['delete', (cache) => cache.delete('other', 'key'), undefined],
    ['deleteMatching', (cache) => cache.deleteMatching('k?*'), undefined],
    ['set', (cache) => cache.set('key', 'newer'), 'newer'],
    ['set of undefined', (cache) => cache.set('key', undefined), undefined],
  ];

  it.each(INVALIDATIONS)(
    'by %s is handed to those who wait and not stored',
    async (_how, invalidate, stored) => {
      const { cache } = cacheHarness({ compressAbove: 1 });
      const loaded = new Deferred<string>();
      const waiting = cache.getOrSet('key', () => loaded.promise);
      await cache.get('another turn of the event loop');
      await invalidate(cache);
      loaded.resolve('old');
      expect(await waiting).toBe('old');
      expect(await cache.get('key')).toBe(stored);
    },
  );

  it.each(INVALIDATIONS.filter(([, , stored]) => stored === undefined))(
    'by %s is not joined by who comes afterwards',
    async (_how, invalidate) => {
      const { cache } = cacheHarness();
      const old = new Deferred<string>();
      const before = cache.getOrSet('key', () => old.promise);
      await cache.get('another turn of the event loop');
      await invalidate(cache);
      expect(await cache.getOrSet('key', () => 'new')).toBe('new');
      old.resolve('old');
      expect(await before).toBe('old');
      expect(await cache.get('key')).toBe('new');
    },
  );

  it('and ends after the next one began does not end that one', async () => {
    const { cache } = cacheHarness();
    const loads = [new Deferred<string>(), new Deferred<string>()] as const;
    const old = cache.getOrSet('key', () => loads[0].promise);
    await cache.get('another turn of the event loop');
    await cache.delete('key');
    const load = jest.fn(() => loads[1].promise);
    const second = cache.getOrSet('key', load);
    loads[0].resolve('old');
    await old;
    const third = cache.getOrSet('key', load);
    await cache.get('another turn of the event loop');
    loads[1].resolve('new');
    expect(await Promise.all([second, third])).toEqual(['new', 'new']);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it.each<readonly [how: string, by: Invalidate]>([
    ['delete of another key', (cache) => cache.delete('other')],
    ['a pattern that does not match', (cache) => cache.deleteMatching('K*')],
    ['set of another key', (cache) => cache.set('other', 1)],
  ])('is not one by %s', async (_how, leaveAlone) => {
    const { cache } = cacheHarness();
    const loaded = new Deferred<string>();
    const waiting = cache.getOrSet('key', () => loaded.promise);
    await cache.get('another turn of the event loop');
    await leaveAlone(cache);
    loaded.resolve('value');
    await waiting;
    expect(await cache.get('key')).toBe('value');
  });
});

import type { CacheService } from '../../../src/modules/cache/cache.service.js';
import { cacheHarness } from './cache-harness.js';

const VALUE = {
  at: new Date(0),
  map: new Map([[1, new Set(['a'])]]),
  big: 2n ** 70n,
  bytes: Buffer.from('bytes'),
  nothing: undefined,
};

describe('values', () => {
  it.each([
    ['uncompressed', {}],
    ['compressed', { compressAbove: 1 }],
  ])('come back with their types, %s', async (_form, options) => {
    const { cache } = cacheHarness(options);
    await cache.set('key', VALUE);
    expect(await cache.get('key')).toStrictEqual(VALUE);
  });

  it('null is a value', async () => {
    const { cache } = cacheHarness();
    await cache.set('key', null);
    expect(await cache.get('key')).toBeNull();
  });

  it('setting undefined removes the key', async () => {
    const { cache, driver } = cacheHarness();
    await cache.set('key', 1);
    await cache.set('key', undefined);
    expect(await cache.get('key')).toBeUndefined();
    expect(await driver.get('key')).toBeUndefined();
  });

  it('changing what was stored or returned changes nothing in the cache', async () => {
    const { cache } = cacheHarness();
    const stored = { list: [1], bytes: Buffer.from('same') };
    await cache.set('key', stored);
    stored.list.push(2);
    stored.bytes.fill(0);
    const found = await cache.get<typeof stored>('key');
    found?.list.push(3);
    found?.bytes.fill(1);
    expect(await cache.get('key')).toStrictEqual({ list: [1], bytes: Buffer.from('same') });
  });

  it('live as long as the module says, or as the entry says', async () => {
    const { cache, clock } = cacheHarness({ ttl: '10s' });
    await cache.set('module', 1);
    await cache.set('entry', 1, { ttl: '1s' });
    clock.advance(5_000);
    expect([await cache.get('module'), await cache.get('entry')]).toEqual([1, undefined]);
    clock.advance(5_001);
    expect(await cache.get('module')).toBeUndefined();
  });

  it('delete counts, deleteMatching matches', async () => {
    const { cache } = cacheHarness();
    for (const key of ['a:1', 'a:2', 'b:1']) await cache.set(key, key);
    expect(await cache.delete('a:1', 'absent')).toBe(1);
    expect(await cache.deleteMatching('a:*')).toBe(1);
    expect(await cache.get('b:1')).toBe('b:1');
    expect(await cache.delete()).toBe(0);
  });
});

describe('a value larger than maxValueBytes', () => {
  const large = 'a'.repeat(1_000);

  it.each([
    ['uncompressed', { maxValueBytes: 500 }],
    ['however small it is when compressed', { maxValueBytes: 500, compressAbove: 1 }],
  ])('is not stored by set, which leaves nothing behind, %s', async (_form, options) => {
    const { cache, of } = cacheHarness(options);
    await cache.set('key', 'before');
    expect(await cache.set('key', large)).toBe(false);
    expect(of('cache.rejected')).toEqual([{ key: 'key', reason: 'E_CACHE_VALUE_TOO_LARGE' }]);
    expect(await cache.get('key')).toBeUndefined();
  });

  it.each([
    ['uncompressed', { maxValueBytes: 500 }],
    ['compressed', { maxValueBytes: 500, compressAbove: 1 }],
  ])('is returned by getOrSet and not stored, %s', async (_form, options) => {
    const { cache, events } = cacheHarness(options);
    expect(await cache.getOrSet('key', () => large)).toBe(large);
    expect(await cache.get('key')).toBeUndefined();
    const payload = { key: 'key', reason: 'E_CACHE_VALUE_TOO_LARGE' };
    expect(events).toContainEqual(['cache.rejected', payload]);
  });
});

describe('a value without a binary form', () => {
  it('is refused by set', async () => {
    const { cache } = cacheHarness();
    await expect(cache.set('key', Symbol('s'))).rejects.toMatchObject({ code: 'E_CODEC' });
  });

  it('is returned by getOrSet and not stored', async () => {
    const { cache, events } = cacheHarness();
    const value = { method: () => 1 };
    expect(await cache.getOrSet('key', () => value)).toBe(value);
    expect(events).toContainEqual(['cache.rejected', { key: 'key', reason: 'E_CODEC' }]);
    expect(await cache.get('key')).toBeUndefined();
  });
});

describe('damaged bytes in the driver', () => {
  const damaged = Buffer.from([0x11, 0xc1, 0xff]);

  it('are a miss', async () => {
    const { cache, driver, events } = cacheHarness();
    await driver.set('key', { bytes: damaged, ttlMs: 1_000 });
    expect(await cache.get('key')).toBeUndefined();
    expect(events).toEqual([
      ['cache.rejected', { key: 'key', reason: 'E_CODEC' }],
      ['cache.miss', { key: 'key' }],
    ]);
  });

  it('are loaded anew and replaced', async () => {
    const { cache, driver } = cacheHarness();
    await driver.set('key', { bytes: damaged, ttlMs: 1_000 });
    expect(await cache.getOrSet('key', () => 'loaded')).toBe('loaded');
    expect(await cache.get('key')).toBe('loaded');
  });
});

describe('events', () => {
  it('tell of hits, misses, stored values and invalidations', async () => {
    const { cache, events } = cacheHarness();
    await cache.get('key');
    await cache.set('key', 'value');
    await cache.get('key');
    await cache.delete('key');
    await cache.deleteMatching('k*');
    await cache.getOrSet('key', () => 'value');
    const bytes = expect.any(Number) as number;
    expect(events).toEqual([
      ['cache.miss', { key: 'key' }],
      ['cache.stored', { key: 'key', bytes }],
      ['cache.hit', { key: 'key', from: 'process' }],
      ['cache.invalidated', { keys: ['key'], removed: 1 }],
      ['cache.invalidated', { pattern: 'k*', removed: 0 }],
      ['cache.miss', { key: 'key' }],
      ['cache.stored', { key: 'key', bytes }],
    ]);
  });
});

describe('wrong arguments', () => {
  type Call = (cache: CacheService, text: string) => Promise<unknown>;

  const KEYED: readonly (readonly [name: string, call: Call])[] = [
    ['get', (cache, key) => cache.get(key)],
    ['inspect', (cache, key) => cache.inspect(key)],
    ['set', (cache, key) => cache.set(key, 1)],
    ['set of undefined', (cache, key) => cache.set(key, undefined)],
    ['delete', (cache, key) => cache.delete('fine', key)],
    ['deleteMatching', (cache, pattern) => cache.deleteMatching(pattern)],
    ['getOrSet', (cache, key) => cache.getOrSet(key, () => 1)],
  ];

  describe.each(['', 'k'.repeat(1_025)])('the key %j', (key) => {
    it.each(KEYED)('is refused by %s', async (_method, call) => {
      const { cache } = cacheHarness();
      await expect(call(cache, key)).rejects.toMatchObject({ code: 'E_INVALID_OPTION' });
    });
  });

  it.each(['0s', 0, -1, 1.5, NaN, Infinity, 'soon', '5', '', null, '4000d'])(
    'the ttl %p is refused before anything is loaded, stored or removed',
    async (ttl) => {
      const { cache } = cacheHarness();
      await cache.set('kept', 'before');
      const load = jest.fn(() => 1);
      const options = { ttl } as { ttl: '1s' };
      const refusal = { code: 'E_INVALID_OPTION', option: 'ttl' };
      await expect(cache.set('kept', 'after', options)).rejects.toMatchObject(refusal);
      await expect(cache.set('kept', undefined, options)).rejects.toMatchObject(refusal);
      await expect(cache.getOrSet('new', load, options)).rejects.toMatchObject(refusal);
      expect(load).not.toHaveBeenCalled();
      expect(await cache.get('kept')).toBe('before');
    },
  );
});

describe('inspect', () => {
  it('gives the value with the rest of its life', async () => {
    const { cache, clock } = cacheHarness({ ttl: '10s' });
    await cache.set('key', VALUE);
    clock.advance(4_000);
    expect(await cache.inspect('key')).toStrictEqual({
      value: VALUE,
      remainingMs: 6_000,
      ageMs: 4_000,
    });
    clock.advance(6_001);
    expect(await cache.inspect('key')).toBeUndefined();
    expect(await cache.inspect('absent')).toBeUndefined();
  });

  it('counts as neither hit nor miss', async () => {
    const { cache, events } = cacheHarness();
    await cache.set('key', 1);
    await cache.inspect('key');
    await cache.inspect('absent');
    expect(events.map(([name]) => name)).toEqual(['cache.stored']);
  });

  it('takes bytes that cannot be read for absent', async () => {
    const { cache, driver } = cacheHarness();
    await driver.set('key', { bytes: Buffer.from('not ours'), ttlMs: 1_000 });
    expect(await cache.inspect('key')).toBeUndefined();
  });
});

import fc from 'fast-check';
import { EventStream } from '../../../src/common/events/index.js';
import { CacheCounters } from '../../../src/modules/cache/cache-counters.js';
import { FrequentKeys } from '../../../src/modules/cache/stats/frequent-keys.js';
import { cacheHarness } from './cache-harness.js';

const NOTHING = {
  hits: 0,
  hitsFromProcess: 0,
  hitsFromStore: 0,
  misses: 0,
  hitRatio: undefined,
  staleRevalidating: 0,
  staleOnError: 0,
  joined: 0,
  loadsFailed: 0,
  stored: 0,
  rejected: 0,
  evicted: 0,
};

describe('CacheCounters', () => {
  it('are zero, without a ratio, before anything happened', () => {
    const counters = new CacheCounters(new EventStream());
    expect(counters.counts()).toEqual({
      ...NOTHING,
      invalidated: 0,
      purges: 0,
      namespaces: [],
      topKeys: [],
      topKeysError: 0,
    });
    expect(counters.lookups()).toEqual({ hits: 0, misses: 0, hit_ratio: null });
  });

  it('count every event of the cache, in total and by namespace', () => {
    const events = new EventStream();
    const counters = new CacheCounters(events);
    const error = new Error('of a loader');
    events.emit('cache.hit', { key: 'a:1', from: 'process' });
    events.emit('cache.hit', { key: 'a:2', from: 'process' });
    events.emit('cache.hit', { key: 'b:1', from: 'store' });
    events.emit('cache.miss', { key: 'a:1' });
    events.emit('cache.stale', { key: 'a:1', reason: 'revalidating' });
    events.emit('cache.stale', { key: 'b:1', reason: 'load-failed' });
    events.emit('cache.joined', { key: 'a:1' });
    events.emit('cache.load-failed', { key: 'b:1', error });
    events.emit('cache.stored', { key: 'plain', bytes: 1 });
    events.emit('cache.rejected', { key: 'a:1', reason: 'E_CODEC' });
    events.emit('cache.evicted', { key: 'b:1' });
    events.emit('cache.invalidated', { keys: ['a', 'b', 'c'], removed: 2 });
    events.emit('cache.invalidated', { pattern: 'x*', removed: 40 });
    events.emit('cache.purged', { scope: ['tag'], kind: 'hard' });
    events.emit('cache.purged', { scope: 'everything', kind: 'soft' });
    expect(counters.lookups()).toEqual({ hits: 3, misses: 1, hit_ratio: 0.75 });
    const once = { joined: 1, loadsFailed: 1, stored: 1, rejected: 1, evicted: 1 };
    const hits = { hits: 3, hitsFromProcess: 2, hitsFromStore: 1, misses: 1, hitRatio: 0.75 };
    const stale = { staleRevalidating: 1, staleOnError: 1 };
    expect(counters.counts()).toMatchObject({ ...once, ...hits, ...stale });
    expect(counters.counts()).toMatchObject({ invalidated: 42, purges: 2 });
    expect(counters.counts().namespaces).toEqual([
      {
        ...NOTHING,
        namespace: 'a',
        hits: 2,
        hitsFromProcess: 2,
        misses: 1,
        hitRatio: 2 / 3,
        staleRevalidating: 1,
        joined: 1,
        rejected: 1,
      },
      {
        ...NOTHING,
        namespace: 'b',
        hits: 1,
        hitsFromStore: 1,
        hitRatio: 1,
        staleOnError: 1,
        loadsFailed: 1,
        evicted: 1,
      },
      { ...NOTHING, namespace: '', stored: 1 },
    ]);
  });

  it('keep a hundred namespaces apart, and count the others as one', () => {
    const events = new EventStream();
    const counters = new CacheCounters(events);
    for (let round = 0; round < 2; round += 1) {
      for (let name = 0; name < 130; name += 1) events.emit('cache.miss', { key: `n${name}:1` });
    }
    const { namespaces, misses } = counters.counts();
    expect(misses).toBe(260);
    expect(namespaces).toHaveLength(101);
    expect(namespaces[0]).toMatchObject({ namespace: ':others', misses: 60 });
    expect(namespaces.slice(1).every((each) => each.misses === 2)).toBe(true);
  });

  it('tell the twenty keys that were looked up most, misses included', () => {
    const events = new EventStream();
    const counters = new CacheCounters(events);
    for (let key = 1; key <= 30; key += 1) {
      for (let time = 0; time < key; time += 1) {
        if (time % 2 === 0) events.emit('cache.miss', { key: `k${key}` });
        else events.emit('cache.hit', { key: `k${key}`, from: 'store' });
      }
    }
    const { topKeys, topKeysError } = counters.counts();
    expect(topKeysError).toBe(0);
    expect(topKeys).toEqual(
      Array.from({ length: 20 }, (_, at) => ({ key: `k${30 - at}`, lookups: 30 - at })),
    );
  });
});

describe('FrequentKeys', () => {
  it('is never more than its error off, and misses no key that came more often', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 30 }), { maxLength: 500 }),
        fc.integer({ min: 1, max: 20 }),
        (stream, capacity) => {
          const sketch = new FrequentKeys(capacity, () => undefined);
          const exact = new Map<string, number>();
          for (const key of stream.map(String)) {
            sketch.add(key);
            exact.set(key, (exact.get(key) ?? 0) + 1);
          }
          const top = new Map(sketch.top(Infinity).map(({ key, lookups }) => [key, lookups]));
          expect(top.size).toBeLessThanOrEqual(capacity);
          expect(sketch.error).toBeLessThanOrEqual((2 * stream.length) / capacity);
          for (const [key, lookups] of exact) {
            const told = top.get(key);
            if (told === undefined) expect(lookups).toBeLessThanOrEqual(sketch.error);
            else expect(told).toBeGreaterThanOrEqual(lookups);
            if (told !== undefined) expect(told - lookups).toBeLessThanOrEqual(sketch.error);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('CacheService.stats', () => {
  it('tells what the cache did, and what this process holds', async () => {
    const { cache, clock } = cacheHarness({ maxEntries: 2, staleWhileRevalidate: '1m' });
    await cache.set('user:1', 'Ada', { ttl: '1s', tags: ['users'] });
    expect(await cache.get('user:1')).toBe('Ada');
    expect(await cache.get('user:2')).toBeUndefined();
    const load = () => new Promise((resolve) => setImmediate(resolve, 'loaded'));
    await Promise.all([cache.getOrSet('report:1', load), cache.getOrSet('report:1', load)]);
    clock.advance(1_500);
    expect(await cache.getOrSet('user:1', () => 'Grace')).toBe('Ada');
    await cache.delete('report:1');
    await cache.invalidateTags(['users']);
    await cache.clear({ namespace: 'user' });
    const stats = cache.stats();
    expect(stats).toMatchObject({ hits: 1, joined: 1, staleRevalidating: 1, staleOnError: 0 });
    expect(stats).toMatchObject({ invalidated: 1, purges: 2, rejected: 0 });
    expect(stats.hitsFromProcess + stats.hitsFromStore).toBe(1);
    expect(stats.namespaces.map(({ namespace }) => namespace).toSorted()).toEqual([
      'report',
      'user',
    ]);
    expect(Object.keys(stats.copies)).toEqual(['entries', 'bytes']);
  });
});

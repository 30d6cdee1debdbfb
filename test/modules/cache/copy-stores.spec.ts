import type { CopyBounds, CopyStore } from '../../../src/modules/cache/engine/copy-store.js';
import { FrequencySketch } from '../../../src/modules/cache/engine/frequency-sketch.js';
import { LfuCopyStore } from '../../../src/modules/cache/engine/lfu-copy-store.js';
import { LruCopyStore } from '../../../src/modules/cache/engine/lru-copy-store.js';
import { SEED } from '../../support/sampling.js';
import { mulberry32, type ZipfTrace, zipfTrace } from '../../support/zipf-trace.js';
import { cacheHarness } from './cache-harness.js';

interface Copy {
  readonly bytes: number;
}

type Make = (bounds: CopyBounds<Copy>) => CopyStore<Copy>;

const STORES: readonly (readonly [name: string, make: Make])[] = [
  ['lru', (bounds) => new LruCopyStore(bounds)],
  ['lfu', (bounds) => new LfuCopyStore(bounds)],
];

const sizeOf = ({ bytes }: Copy): number => bytes;
const small: Copy = { bytes: 1 };

function open(make: Make, maxEntries: number, maxBytes = 2 ** 20) {
  const evicted: string[] = [];
  const store = make({ maxEntries, maxBytes, sizeOf, onEvicted: (key) => evicted.push(key) });
  return { store, evicted };
}

describe.each(STORES)('copies, %s', (_name, make) => {
  it('are found, replaced, deleted and cleared', () => {
    const { store } = open(make, 100);
    const [one, two] = [{ bytes: 3 }, { bytes: 4 }];
    expect(store.get('a')).toBeUndefined();
    store.set('a', one);
    store.set('a', two);
    store.set('b', one);
    expect([store.get('a'), store.size, store.bytes]).toEqual([two, 2, 7]);
    store.delete('a');
    store.delete('absent');
    expect([store.get('a'), [...store.keys()], store.bytes]).toEqual([undefined, ['b'], 3]);
    store.clear();
    expect([store.size, store.bytes, store.get('b')]).toEqual([0, 0, undefined]);
  });

  it('may be deleted while their keys are walked', () => {
    const { store } = open(make, 1_000);
    for (let at = 0; at < 500; at += 1) store.set(`${at}`, small);
    for (const key of store.keys()) store.delete(key);
    expect(store.size).toBe(0);
  });

  it.each([2, 10, 150])('never exceed %i entries, whatever comes', (maxEntries) => {
    const { store } = open(make, maxEntries);
    for (let at = 0; at < 500; at += 1) {
      store.set(`${at % 400}`, small);
      store.get(`${(at * 7) % 400}`);
      expect(store.size).toBeLessThanOrEqual(maxEntries);
    }
    expect(store.size).toBe(maxEntries);
  });

  it('one larger than all the room leaves the others where they are', () => {
    const { store } = open(make, 100, 1_000);
    store.set('small', small);
    store.set('large', { bytes: 1_001 });
    expect([store.get('small'), store.get('large')]).toEqual([small, undefined]);
  });

  it(`keep within both bounds, and tell of all that goes (TEST_SEED=${SEED})`, () => {
    const random = mulberry32(SEED);
    const { store, evicted } = open(make, 40, 2_000);
    const expected = new Map<string, Copy>();
    for (let step = 0; step < 1_500; step += 1) {
      const key = `${Math.floor(random() ** 2 * 120)}`;
      const kind = random();
      if (kind < 0.45) {
        const copy = { bytes: 1 + Math.floor(random() ** 4 * 500) };
        expected.set(key, copy);
        store.set(key, copy);
      } else if (kind < 0.5) {
        expected.delete(key);
        store.delete(key);
      } else if (store.get(key) !== undefined) {
        expect(store.get(key)).toBe(expected.get(key));
      }
      for (const gone of evicted.splice(0)) expected.delete(gone);
      expect(store.size).toBeLessThanOrEqual(40);
      expect(store.bytes).toBeLessThanOrEqual(2_000);
    }
    expect([...store.keys()].sort()).toEqual([...expected.keys()].sort());
    expect(store.bytes).toBe([...expected.values()].reduce((sum, { bytes }) => sum + bytes, 0));
  });
});

describe('what was used often', () => {
  /** Uses some keys often, then reads many keys once. */
  function afterScan(make: Make): readonly string[] {
    const { store } = open(make, 100);
    const hot = Array.from({ length: 50 }, (_none, at) => `hot:${at}`);
    for (const key of hot) store.set(key, small);
    for (let times = 0; times < 3; times += 1) for (const key of hot) store.get(key);
    for (let at = 0; at < 400; at += 1) store.set(`scan:${at}`, small);
    return hot.filter((key) => store.get(key) !== undefined);
  }

  it('survives a scan with lfu, which leaves nothing of it with lru', () => {
    expect(STORES.map(([, make]) => afterScan(make).length)).toEqual([0, 50]);
  });

  it('makes room with lfu for what is used now', () => {
    const { store } = open((bounds) => new LfuCopyStore(bounds), 100);
    const use = (key: string): void => {
      if (store.get(key) === undefined) store.set(key, small);
    };
    for (let round = 0; round < 20; round += 1) {
      for (let at = 0; at < 100; at += 1) use(`then:${at}`);
    }
    for (let round = 0; round < 60; round += 1) {
      for (let at = 0; at < 90; at += 1) use(`now:${at}`);
    }
    const now = Array.from({ length: 90 }, (_none, at) => `now:${at}`);
    expect(now.filter((key) => store.get(key) !== undefined).length).toBeGreaterThan(80);
  });

  it('is not pushed out with lfu by one large value that was used once', () => {
    const { store } = open((bounds) => new LfuCopyStore(bounds), 100, 1_000);
    for (let at = 0; at < 90; at += 1) store.set(`${at}`, { bytes: 10 });
    for (let at = 0; at < 90; at += 1) store.get(`${at}`);
    store.set('large', { bytes: 900 });
    expect([store.get('large'), store.size]).toEqual([undefined, 90]);
  });
});

describe('the frequency sketch', () => {
  it('counts up to 15, and does not mistake one key for another', () => {
    const sketch = new FrequencySketch(1_000);
    for (let times = 0; times < 20; times += 1) sketch.count('often');
    for (let times = 0; times < 3; times += 1) sketch.count('seldom');
    expect(['often', 'seldom', 'never'].map((key) => sketch.estimate(key))).toEqual([15, 3, 0]);
  });

  it('forgets by halves', () => {
    const sketch = new FrequencySketch(16);
    for (let times = 0; times < 15; times += 1) sketch.count('once popular');
    for (let at = 0; at < 160; at += 1) sketch.count(`other ${at % 2}`);
    expect(sketch.estimate('once popular')).toBe(7);
  });
});

describe('the hit ratio on a Zipf trace with scans', () => {
  const TRACE: ZipfTrace = {
    length: 100_000,
    keys: 10_000,
    skew: 0.9,
    scanEvery: 5_000,
    scanLength: 1_000,
    seed: 42,
  };

  function hitRatio(make: Make): number {
    const { store } = open(make, 500);
    let [hits, lookups] = [0, 0];
    for (const key of zipfTrace(TRACE)) {
      lookups += 1;
      if (store.get(key) === undefined) store.set(key, small);
      else hits += 1;
    }
    return hits / lookups;
  }

  it('is higher with lfu than with lru', () => {
    const [lru = 1, lfu = 0] = STORES.map(([, make]) => hitRatio(make));
    expect(lfu).toBeGreaterThan(lru + 0.05);
  });
});

describe('the option eviction', () => {
  async function survivors(eviction: 'lru' | 'lfu'): Promise<number> {
    const { cache, engine, of } = cacheHarness({ eviction, maxEntries: 20 });
    await cache.set('hot', 'value');
    for (let times = 0; times < 5; times += 1) await cache.get('hot');
    for (let at = 0; at < 60; at += 1) await cache.set(`scan:${at}`, 'value');
    expect(engine.copies.entries).toBe(20);
    expect(of('cache.evicted')).toHaveLength(41);
    return of('cache.evicted').filter(({ key }) => key === 'hot').length;
  }

  it('says which copies go', async () => {
    expect([await survivors('lru'), await survivors('lfu')]).toEqual([1, 0]);
  });

  it('lfu with room for one copy keeps one', async () => {
    const { cache, engine } = cacheHarness({ eviction: 'lfu', maxEntries: 1 });
    for (const key of ['a', 'b']) await cache.set(key, 'value');
    expect(engine.copies.entries).toBe(1);
  });
});

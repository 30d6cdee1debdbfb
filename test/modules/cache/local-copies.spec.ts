import type { CacheService } from '../../../src/modules/cache/cache.service.js';
import { FakeClock } from '../../../src/testing/index.js';
import { Deferred } from '../../support/deferred.js';
import { cacheHarness } from './cache-harness.js';
import { SharedMemory, type SharedView } from './shared-memory.js';

interface Process {
  readonly cache: CacheService;
  readonly view: SharedView;
}

/** Processes that share one store. */
function processes(count: number): readonly [Process, Process] {
  const clock = new FakeClock();
  const shared = new SharedMemory(clock);
  const all = Array.from({ length: count }, () => {
    const view = shared.view();
    const { cache } = cacheHarness({}, { driver: () => view.driver });
    return { cache, view };
  });
  return all as unknown as readonly [Process, Process];
}

type Change = readonly [how: string, by: (cache: CacheService) => Promise<unknown>, left: unknown];

const CHANGES: readonly Change[] = [
  ['delete', (cache) => cache.delete('other', 'a:key'), undefined],
  ['deleteMatching', (cache) => cache.deleteMatching('a:*'), undefined],
  ['set', (cache) => cache.set('a:key', 'newer'), 'newer'],
  ['a tag', (cache) => cache.invalidateTags(['other', 'tag']), undefined],
  ['a soft purge of a tag', (cache) => cache.invalidateTags(['tag'], { soft: true }), undefined],
  ['the namespace', (cache) => cache.clear({ namespace: 'a' }), undefined],
  ['clear', (cache) => cache.clear(), undefined],
];

const TAGGED = { tags: ['tag'] };

describe('copies in the process', () => {
  it('answer without the store', async () => {
    const [one] = processes(1);
    await one.cache.set('a:key', 'value');
    expect(await one.cache.get('a:key')).toBe('value');
    expect(await one.cache.getOrSet('a:key', () => 'loaded')).toBe('value');
    expect(one.view.reads).toBe(0);
  });

  it('are made of what is read, once', async () => {
    const [one, two] = processes(2);
    await one.cache.set('a:key', 'value');
    for (let i = 0; i < 3; i += 1) expect(await two.cache.get('a:key')).toBe('value');
    expect(two.view.reads).toBe(1);
  });

  it.each(CHANGES)('are not served after %s by this process', async (_how, change, left) => {
    const [one] = processes(1);
    await one.cache.set('a:key', 'old', TAGGED);
    await change(one.cache);
    expect(await one.cache.get('a:key')).toBe(left);
  });

  it.each(CHANGES)('are not served after %s by another process', async (_how, change, left) => {
    const [one, two] = processes(2);
    await one.cache.set('a:key', 'old', TAGGED);
    expect(await two.cache.get('a:key')).toBe('old');
    await change(one.cache);
    expect(await two.cache.get('a:key')).toBe(left);
  });

  it.each([
    ['delete', (cache: CacheService) => cache.delete('a:other')],
    ['deleteMatching', (cache: CacheService) => cache.deleteMatching('b:*')],
    ['a tag', (cache: CacheService) => cache.invalidateTags(['other'])],
    ['a namespace', (cache: CacheService) => cache.clear({ namespace: 'b' })],
  ] as const)('outlive %s that does not concern them', async (_how, change) => {
    const [one, two] = processes(2);
    await one.cache.set('a:key', 'value', TAGGED);
    await two.cache.get('a:key');
    await change(one.cache);
    expect(await two.cache.get('a:key')).toBe('value');
    expect(two.view.reads).toBe(1);
  });

  it.each(CHANGES)('are not made of what was read before %s', async (_how, change, left) => {
    const [one, two] = processes(2);
    await one.cache.set('a:key', 'old', TAGGED);
    const { driver } = two.view;
    const read = driver.get.bind(driver);
    const [isRead, mayGoOn] = [new Deferred<undefined>(), new Deferred<undefined>()];
    driver.get = async (key) => {
      const entry = await read(key);
      isRead.resolve(undefined);
      await mayGoOn.promise;
      return entry;
    };
    const reading = two.cache.get('a:key');
    await isRead.promise;
    await change(one.cache);
    mayGoOn.resolve(undefined);
    // It was asked before the change was made.
    expect(await reading).toBe('old');
    expect(await two.cache.get('a:key')).toBe(left);
  });

  it('are not trusted while changes may go untold, nor are those from before a gap', async () => {
    const [one, two] = processes(2);
    await one.cache.set('a:key', 'old');
    await two.cache.get('a:key');
    two.view.tear();
    await one.cache.set('a:key', 'new');
    expect(await two.cache.get('a:key')).toBe('new');
    expect(await two.cache.get('a:key')).toBe('new');
    expect(two.view.reads).toBe(3);
    two.view.mend();
    expect(await two.cache.get('a:key')).toBe('new');
    expect(await two.cache.get('a:key')).toBe('new');
    expect(two.view.reads).toBe(4);
  });

  it('from before a gap are not trusted, also where nobody looked during it', async () => {
    const [one, two] = processes(2);
    await one.cache.set('a:key', 'old');
    await two.cache.get('a:key');
    two.view.tear();
    await one.cache.delete('a:key');
    two.view.mend();
    expect(await two.cache.get('a:key')).toBeUndefined();
  });

  it('end with their entry', async () => {
    const { cache, clock } = cacheHarness();
    await cache.set('key', 'value', { ttl: 1_000 });
    clock.advance(999);
    expect(await cache.get('key')).toBe('value');
    clock.advance(1);
    expect(await cache.get('key')).toBeUndefined();
  });

  it('are bounded, and tell what had to go', async () => {
    const { cache, engine, of } = cacheHarness({ maxEntries: 2 });
    for (const key of ['a', 'b', 'c']) await cache.set(key, 'value');
    expect(engine.copies.entries).toBe(2);
    expect(of('cache.evicted')).toEqual([{ key: 'a' }]);
  });

  it('of large values take the room that they have', async () => {
    const { cache, engine } = cacheHarness({ maxBytes: 10_000 });
    for (const key of ['a', 'b', 'c']) await cache.set(key, 'v'.repeat(4_000));
    expect(engine.copies.entries).toBe(2);
    expect(engine.copies.bytes).toBeLessThanOrEqual(10_000);
  });

  it('are kept of nothing where nobody would tell of changes', async () => {
    const clock = new FakeClock();
    const { changes: _none, ...driver } = new SharedMemory(clock).view().driver;
    const { cache, engine } = cacheHarness({}, { driver: () => driver });
    await cache.set('key', 'value');
    expect(await cache.get('key')).toBe('value');
    expect(engine.copies.entries).toBe(0);
  });
});

describe('a load that another process outdates', () => {
  const INVALIDATIONS = CHANGES.filter(([, , left]) => left === undefined);

  it('and whose value is not stored is not served to who joined it afterwards either', async () => {
    const [one, two] = processes(2);
    const old = new Deferred<string>();
    two.view.tear();
    const first = two.cache.getOrSet('a:key', ({ skipStore }) => {
      skipStore();
      return old.promise;
    });
    await two.cache.get('another turn of the event loop');
    await one.cache.delete('a:key');
    const second = two.cache.getOrSet('a:key', () => 'new');
    await two.cache.get('another turn of the event loop');
    old.resolve('old');
    expect([await first, await second]).toEqual(['old', 'new']);
  });

  it.each(INVALIDATIONS.filter(([how]) => !how.startsWith('a soft')))(
    'by %s is not served to who joined it afterwards',
    async (_how, change) => {
      const [one, two] = processes(2);
      const old = new Deferred<string>();
      two.view.tear();
      const first = two.cache.getOrSet('a:key', () => old.promise, TAGGED);
      await two.cache.get('another turn of the event loop');
      await change(one.cache);
      // This process was not told.
      const second = two.cache.getOrSet('a:key', () => 'new', TAGGED);
      await two.cache.get('another turn of the event loop');
      old.resolve('old');
      expect(await second).toBe('new');
      expect(await first).toBe('old');
      expect(await two.cache.get('a:key')).toBe('new');
    },
  );
});

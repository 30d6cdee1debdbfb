import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { FakeClock } from '../../../src/testing/index.js';

const HOUR = 3_600_000;
const bytesOf = (length: number): Buffer => Buffer.alloc(length, 1);

describe('the memory driver of the cache is bounded', () => {
  const clock = new FakeClock();

  async function left(driver: MemoryCacheDriver, keys: readonly string[]): Promise<string[]> {
    const found = await Promise.all(keys.map((key) => driver.get(key)));
    return keys.filter((_, index) => found[index] !== undefined);
  }

  it('beyond maxEntries the least recently used goes', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 3, maxBytes: 1_000 });
    for (const key of ['a', 'b', 'c']) await driver.set(key, { bytes: bytesOf(1), ttlMs: HOUR });
    await driver.get('a');
    await driver.set('d', { bytes: bytesOf(1), ttlMs: HOUR });
    expect(await left(driver, ['a', 'b', 'c', 'd'])).toEqual(['a', 'c', 'd']);
  });

  it('beyond maxBytes the least recently used go', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 100 });
    for (const key of ['a', 'b', 'c']) await driver.set(key, { bytes: bytesOf(30), ttlMs: HOUR });
    await driver.set('d', { bytes: bytesOf(60), ttlMs: HOUR });
    expect(await left(driver, ['a', 'b', 'c', 'd'])).toEqual(['c', 'd']);
  });

  it('a value larger than maxBytes is not kept, and what it replaces is gone', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 100 });
    await driver.set('other', { bytes: bytesOf(10), ttlMs: HOUR });
    await driver.set('key', { bytes: bytesOf(10), ttlMs: HOUR });
    await driver.set('key', { bytes: bytesOf(101), ttlMs: HOUR });
    expect(await left(driver, ['other', 'key'])).toEqual(['other']);
  });

  it('empty values count as entries', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 2, maxBytes: 100 });
    for (const key of ['a', 'b', 'c']) await driver.set(key, { bytes: bytesOf(0), ttlMs: HOUR });
    expect(await left(driver, ['a', 'b', 'c'])).toEqual(['b', 'c']);
  });

  it('twenty thousand sets leave maxEntries entries', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 100, maxBytes: 10_000 });
    const value = bytesOf(1);
    for (let index = 0; index < 20_000; index += 1)
      await driver.set(`${index}`, { bytes: value, ttlMs: HOUR });
    expect(await driver.deleteMatching('*')).toBe(100);
  });

  it('a load whose marker had to go is outdated', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 2, maxBytes: 1_000 });
    const { permit } = await driver.begin('load');
    for (const key of ['a', 'b']) await driver.set(key, { bytes: bytesOf(1), ttlMs: HOUR });
    expect(await driver.set('load', { bytes: bytesOf(1), ttlMs: HOUR }, permit)).toBe('outdated');
  });
});

describe('the memory driver of the cache', () => {
  const entry = { bytes: bytesOf(1), ttlMs: HOUR };

  it('a permit is good for 10 minutes', async () => {
    const clock = new FakeClock();
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 1_000 });
    const { permit } = await driver.begin('key');
    clock.advance(600_000);
    expect(await driver.set('key', entry, permit)).toBe('stored');
  });

  it('a permit that nobody needs any more is forgotten', async () => {
    const clock = new FakeClock();
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 1_000 });
    const { permit } = await driver.begin('key');
    clock.advance(600_001);
    expect(await driver.set('key', entry, permit)).toBe('outdated');
  });

  it('takes no permit that another driver gave', async () => {
    const driver = new MemoryCacheDriver({ clock: new FakeClock(), maxEntries: 10, maxBytes: 99 });
    const foreign = { of: 'another driver' };
    expect(await driver.set('key', entry, foreign)).toBe('outdated');
    expect(await driver.get('key')).toBeUndefined();
    expect(await driver.cancel('key', foreign, [])).toBe('outdated');
  });

  it('says "stored", and marks nothing as kept here alone', async () => {
    const driver = new MemoryCacheDriver({ clock: new FakeClock(), maxEntries: 10, maxBytes: 99 });
    expect(await driver.set('key', entry)).toBe('stored');
    expect((await driver.get('key'))?.isProvisional).toBeUndefined();
    expect((await driver.begin('key')).entry?.isProvisional).toBeUndefined();
  });

  it.each([
    ['back', -HOUR],
    ['forward', 2 * HOUR],
  ])('keeps entries as long as it was told when the clock is set %s', async (_where, ms) => {
    const clock = new FakeClock();
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 99 });
    await driver.set('key', entry);
    clock.set(clock.now() + ms);
    expect((await driver.get('key'))?.remainingMs).toBe(HOUR);
    clock.advance(HOUR - 1);
    expect((await driver.get('key'))?.remainingMs).toBe(1);
    clock.advance(1);
    expect(await driver.get('key')).toBeUndefined();
  });

  it('where it keeps entries for less than they were given, tells what they were given', async () => {
    const clock = new FakeClock();
    const bounds = { clock, maxEntries: 10, maxBytes: 99, maxTtlMs: 30_000 };
    const driver = new MemoryCacheDriver(bounds);
    await driver.set('key', entry);
    clock.advance(29_999);
    expect((await driver.get('key'))?.remainingMs).toBe(HOUR - 29_999);
    await driver.begin('key');
    clock.advance(1);
    expect(await driver.get('key')).toBeUndefined();
    expect(await driver.delete(['key'])).toBe(0);
  });

  it('loads that were cancelled take no room', async () => {
    const driver = new MemoryCacheDriver({ clock: new FakeClock(), maxEntries: 2, maxBytes: 99 });
    await driver.set('key', entry);
    for (let at = 0; at < 5; at += 1) {
      const { permit } = await driver.begin(`load:${at}`);
      expect(await driver.cancel(`load:${at}`, permit, [])).toBe('current');
    }
    expect((await driver.get('key'))?.bytes).toEqual(entry.bytes);
  });

  it('tells of no changes, and misses none', async () => {
    const driver = new MemoryCacheDriver({ clock: new FakeClock(), maxEntries: 10, maxBytes: 99 });
    const told = jest.fn();
    driver.changes.onChange(told);
    await driver.set('key', entry);
    await driver.purge('everything', 'hard');
    expect(driver.changes).toMatchObject({ isComplete: true, gaps: 0 });
    expect(told).not.toHaveBeenCalled();
  });
});

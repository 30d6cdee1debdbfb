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
    for (const key of ['a', 'b', 'c']) await driver.set(key, bytesOf(1), HOUR);
    await driver.get('a');
    await driver.set('d', bytesOf(1), HOUR);
    expect(await left(driver, ['a', 'b', 'c', 'd'])).toEqual(['a', 'c', 'd']);
  });

  it('beyond maxBytes the least recently used go', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 100 });
    for (const key of ['a', 'b', 'c']) await driver.set(key, bytesOf(30), HOUR);
    await driver.set('d', bytesOf(60), HOUR);
    expect(await left(driver, ['a', 'b', 'c', 'd'])).toEqual(['c', 'd']);
  });

  it('a value larger than maxBytes is not kept, and what it replaces is gone', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 10, maxBytes: 100 });
    await driver.set('other', bytesOf(10), HOUR);
    await driver.set('key', bytesOf(10), HOUR);
    await driver.set('key', bytesOf(101), HOUR);
    expect(await left(driver, ['other', 'key'])).toEqual(['other']);
  });

  it('empty values count as entries', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 2, maxBytes: 100 });
    for (const key of ['a', 'b', 'c']) await driver.set(key, bytesOf(0), HOUR);
    expect(await left(driver, ['a', 'b', 'c'])).toEqual(['b', 'c']);
  });

  it('twenty thousand sets leave maxEntries entries', async () => {
    const driver = new MemoryCacheDriver({ clock, maxEntries: 100, maxBytes: 10_000 });
    const value = bytesOf(1);
    for (let index = 0; index < 20_000; index += 1) await driver.set(`${index}`, value, HOUR);
    expect(await driver.deleteMatching('*')).toBe(100);
  });
});

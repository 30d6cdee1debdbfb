import { type CacheSubject, useCache } from './cache-fixtures.js';

const HOUR = 3_600_000;

/** Removing by name. */
export function deleteSuite({ open }: CacheSubject): void {
  const value = Buffer.from('value');
  const cache = useCache(open);

  beforeEach(async () => {
    await Promise.all(['a', 'b', 'c'].map((key) => cache().driver.set(key, value, HOUR)));
  });

  it('removes the keys and leaves the others', async () => {
    expect(await cache().driver.delete(['a', 'b'])).toBe(2);
    expect(await cache().driver.get('a')).toBeUndefined();
    expect(await cache().driver.get('b')).toBeUndefined();
    expect(await cache().driver.get('c')).toEqual(value);
  });

  it('counts what was there, not what was asked for', async () => {
    expect(await cache().driver.delete(['a', 'absent', 'a'])).toBe(1);
    expect(await cache().driver.delete(['a'])).toBe(0);
  });

  it('of no keys removes nothing', async () => {
    expect(await cache().driver.delete([])).toBe(0);
    expect(await cache().driver.get('a')).toEqual(value);
  });

  it('takes hundreds of keys at once', async () => {
    const keys = Array.from({ length: 500 }, (_, index) => `many:${index}`);
    await Promise.all(keys.map((key) => cache().driver.set(key, value, HOUR)));
    expect(await cache().driver.delete([...keys, 'absent'])).toBe(500);
    const left = await Promise.all(keys.map((key) => cache().driver.get(key)));
    expect(left.filter((bytes) => bytes !== undefined)).toEqual([]);
  });

  it('a deleted key can be set again', async () => {
    await cache().driver.delete(['a']);
    await cache().driver.set('a', Buffer.from('again'), HOUR);
    expect(await cache().driver.get('a')).toEqual(Buffer.from('again'));
  });

  it.each([
    ['empty', ''],
    ['too long', 'k'.repeat(1_025)],
  ])('removes nothing when one of the keys is %s', async (_problem, wrong) => {
    await expect(cache().driver.delete(['a', wrong, 'b'])).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    expect(await cache().driver.get('a')).toEqual(value);
    expect(await cache().driver.get('b')).toEqual(value);
  });
}

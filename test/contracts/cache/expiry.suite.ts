import { type CacheSubject, useCache } from './cache-fixtures.js';

const HOUR = 3_600_000;
/** Short enough to wait for on a real server; nothing is asserted before it is over. */
const SHORT = 20;

/** An entry lives as long as it was told to, and as if it had never been there afterwards. */
export function expirySuite({ open }: CacheSubject): void {
  const value = Buffer.from('value');
  const other = Buffer.from('other');
  const cache = useCache(open);

  it('an entry whose time is over is absent, its neighbour is not', async () => {
    await cache().driver.set('short', value, SHORT);
    await cache().driver.set('long', value, HOUR);
    await cache().passTime(SHORT);
    expect(await cache().driver.get('short')).toBeUndefined();
    expect(await cache().driver.get('long')).toEqual(value);
  });

  it('a key can be set again after its time was over', async () => {
    await cache().driver.set('key', value, SHORT);
    await cache().passTime(SHORT);
    await cache().driver.set('key', other, HOUR);
    expect(await cache().driver.get('key')).toEqual(other);
  });

  it('set takes the new time to live, be it longer', async () => {
    await cache().driver.set('key', value, SHORT);
    await cache().driver.set('key', other, HOUR);
    await cache().passTime(SHORT);
    expect(await cache().driver.get('key')).toEqual(other);
  });

  it('set takes the new time to live, be it shorter', async () => {
    await cache().driver.set('key', value, HOUR);
    await cache().driver.set('key', other, SHORT);
    await cache().passTime(SHORT);
    expect(await cache().driver.get('key')).toBeUndefined();
  });

  it('get does not lengthen the life of an entry', async () => {
    await cache().driver.set('key', value, SHORT);
    await cache().driver.get('key');
    await cache().passTime(SHORT);
    expect(await cache().driver.get('key')).toBeUndefined();
  });

  it('remainingMs tells how long an entry still lives, and nothing of an absent one', async () => {
    await cache().driver.set('short', value, SHORT);
    await cache().driver.set('long', value, HOUR);
    const remaining = (await cache().driver.remainingMs('long')) ?? 0;
    expect(remaining).toBeGreaterThan(HOUR - 10_000);
    expect(remaining).toBeLessThanOrEqual(HOUR);
    expect(Number.isInteger(remaining)).toBe(true);
    await cache().passTime(SHORT);
    expect(await cache().driver.remainingMs('short')).toBeUndefined();
    expect(await cache().driver.remainingMs('absent')).toBeUndefined();
    expect(await cache().driver.remainingMs('long')).toBeLessThan(remaining);
  });

  it('remainingMs follows the latest set, and ends with delete', async () => {
    await cache().driver.set('key', value, HOUR);
    await cache().driver.set('key', other, HOUR / 2);
    expect(await cache().driver.remainingMs('key')).toBeLessThanOrEqual(HOUR / 2);
    await cache().driver.delete(['key']);
    expect(await cache().driver.remainingMs('key')).toBeUndefined();
  });

  it('delete does not count an entry whose time is over', async () => {
    await cache().driver.set('short', value, SHORT);
    await cache().driver.set('long', value, HOUR);
    await cache().passTime(SHORT);
    expect(await cache().driver.delete(['short', 'long'])).toBe(1);
  });

  it('deleteMatching does not count an entry whose time is over', async () => {
    await cache().driver.set('a:short', value, SHORT);
    await cache().driver.set('a:long', value, HOUR);
    await cache().passTime(SHORT);
    expect(await cache().driver.deleteMatching('a:*')).toBe(1);
  });

  it.each([0, -1, 0.5, NaN, Infinity])('refuses %p ms to live and stores nothing', async (ttl) => {
    await cache().driver.set('kept', value, HOUR);
    await expect(cache().driver.set('kept', other, ttl)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    await expect(cache().driver.set('never', other, ttl)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    expect(await cache().driver.get('kept')).toEqual(value);
    expect(await cache().driver.get('never')).toBeUndefined();
  });
}

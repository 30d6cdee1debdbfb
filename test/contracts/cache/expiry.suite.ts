import { type ByteStoreSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;
/** Short enough to wait for on a real server; nothing is asserted before it is over. */
const SHORT = 20;

/** An entry lives as long as it was told to, and as if it had never been there afterwards. */
export function expirySuite({ open }: ByteStoreSubject): void {
  const value = Buffer.from('value');
  const other = Buffer.from('other');
  const cache = useByteStore(open);

  it('an entry whose time is over is absent, its neighbour is not', async () => {
    await cache().store.set('short', { bytes: value, ttlMs: SHORT });
    await cache().store.set('long', { bytes: value, ttlMs: HOUR });
    await cache().passTime(SHORT);
    expect(await cache().store.get('short')).toBeUndefined();
    expect(await cache().store.get('long')).toEqual(value);
  });

  it('a key can be set again after its time was over', async () => {
    await cache().store.set('key', { bytes: value, ttlMs: SHORT });
    await cache().passTime(SHORT);
    await cache().store.set('key', { bytes: other, ttlMs: HOUR });
    expect(await cache().store.get('key')).toEqual(other);
  });

  it('set takes the new time to live, be it longer', async () => {
    await cache().store.set('key', { bytes: value, ttlMs: SHORT });
    await cache().store.set('key', { bytes: other, ttlMs: HOUR });
    await cache().passTime(SHORT);
    expect(await cache().store.get('key')).toEqual(other);
  });

  it('set takes the new time to live, be it shorter', async () => {
    await cache().store.set('key', { bytes: value, ttlMs: HOUR });
    await cache().store.set('key', { bytes: other, ttlMs: SHORT });
    await cache().passTime(SHORT);
    expect(await cache().store.get('key')).toBeUndefined();
  });

  it('get does not lengthen the life of an entry', async () => {
    await cache().store.set('key', { bytes: value, ttlMs: SHORT });
    await cache().store.get('key');
    await cache().passTime(SHORT);
    expect(await cache().store.get('key')).toBeUndefined();
  });

  it('delete does not count an entry whose time is over', async () => {
    await cache().store.set('short', { bytes: value, ttlMs: SHORT });
    await cache().store.set('long', { bytes: value, ttlMs: HOUR });
    await cache().passTime(SHORT);
    expect(await cache().store.delete(['short', 'long'])).toBe(1);
  });

  it('deleteMatching does not count an entry whose time is over', async () => {
    await cache().store.set('a:short', { bytes: value, ttlMs: SHORT });
    await cache().store.set('a:long', { bytes: value, ttlMs: HOUR });
    await cache().passTime(SHORT);
    expect(await cache().store.deleteMatching('a:*')).toBe(1);
  });

  it.each([0, -1, 0.5, NaN, Infinity])('refuses %p ms to live and stores nothing', async (ttl) => {
    await cache().store.set('kept', { bytes: value, ttlMs: HOUR });
    await expect(cache().store.set('kept', { bytes: other, ttlMs: ttl })).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    await expect(cache().store.set('never', { bytes: other, ttlMs: ttl })).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    expect(await cache().store.get('kept')).toEqual(value);
    expect(await cache().store.get('never')).toBeUndefined();
  });
}

import { type ByteStoreSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;

/** Removing by name. */
export function deleteSuite({ open }: ByteStoreSubject): void {
  const value = Buffer.from('value');
  const cache = useByteStore(open);

  beforeEach(async () => {
    await Promise.all(
      ['a', 'b', 'c'].map((key) => cache().store.set(key, { bytes: value, ttlMs: HOUR })),
    );
  });

  it('removes the keys and leaves the others', async () => {
    expect(await cache().store.delete(['a', 'b'])).toBe(2);
    expect(await cache().store.get('a')).toBeUndefined();
    expect(await cache().store.get('b')).toBeUndefined();
    expect(await cache().store.get('c')).toEqual(value);
  });

  it('counts what was there, not what was asked for', async () => {
    expect(await cache().store.delete(['a', 'absent', 'a'])).toBe(1);
    expect(await cache().store.delete(['a'])).toBe(0);
  });

  it('of no keys removes nothing', async () => {
    expect(await cache().store.delete([])).toBe(0);
    expect(await cache().store.get('a')).toEqual(value);
  });

  it('takes hundreds of keys at once', async () => {
    const keys = Array.from({ length: 500 }, (_, index) => `many:${index}`);
    await Promise.all(keys.map((key) => cache().store.set(key, { bytes: value, ttlMs: HOUR })));
    expect(await cache().store.delete([...keys, 'absent'])).toBe(500);
    const left = await Promise.all(keys.map((key) => cache().store.get(key)));
    expect(left.filter((bytes) => bytes !== undefined)).toEqual([]);
  });

  it('a deleted key can be set again', async () => {
    await cache().store.delete(['a']);
    await cache().store.set('a', { bytes: Buffer.from('again'), ttlMs: HOUR });
    expect(await cache().store.get('a')).toEqual(Buffer.from('again'));
  });

  it.each([
    ['empty', ''],
    ['too long', 'k'.repeat(1_025)],
  ])('removes nothing when one of the keys is %s', async (_problem, wrong) => {
    await expect(cache().store.delete(['a', wrong, 'b'])).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
    });
    expect(await cache().store.get('a')).toEqual(value);
    expect(await cache().store.get('b')).toEqual(value);
  });
}

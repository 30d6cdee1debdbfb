import { type ByteStoreSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;

const KEYS = [
  'user:1',
  'user:12',
  'user:1:posts',
  'users',
  'a*b',
  'a?b',
  'a\\b',
  'axb',
  'a[x]b',
  'a{x}b',
  'a%2Ab',
  'a\nb',
  'a🐎b',
  'aéb',
  'a^b',
  'a-b',
];

/** Removing by pattern: what the pattern means, and nothing else, is removed. */
export function deleteMatchingSuite({ open }: ByteStoreSubject): void {
  const value = Buffer.from('value');
  const cache = useByteStore(open);

  const store = async (keys: readonly string[]): Promise<void> => {
    await Promise.all(keys.map((key) => cache().store.set(key, { bytes: value, ttlMs: HOUR })));
  };

  it.each([
    ['user:*', ['user:1', 'user:12', 'user:1:posts']],
    ['user:1', ['user:1']],
    ['user:??', ['user:12']],
    ['*s', ['user:1:posts', 'users']],
    ['*:*:*', ['user:1:posts']],
    ['user*1', ['user:1']],
    ['a\\*b', ['a*b']],
    ['a\\?b', ['a?b']],
    ['a\\\\b', ['a\\b']],
    ['a\\xb', ['axb']],
    ['a[x]b', ['a[x]b']],
    ['a{x}b', ['a{x}b']],
    ['a%2Ab', ['a%2Ab']],
    ['a^b', ['a^b']],
    ['a\nb', ['a\nb']],
    ['a🐎b', ['a🐎b']],
    ['a?b', ['a*b', 'a?b', 'a\\b', 'axb', 'a\nb', 'a🐎b', 'aéb', 'a^b', 'a-b']],
    ['a???b', ['a[x]b', 'a{x}b', 'a%2Ab']],
    ['a????b', []],
    ['a[^x]b', []],
    ['none*', []],
    ['', []],
    ['USER:*', []],
    ['**', KEYS],
  ])('%j removes %j', async (pattern, expected) => {
    await store(KEYS);
    expect(await cache().store.deleteMatching(pattern)).toBe(expected.length);
    const found = await Promise.all(KEYS.map((key) => cache().store.get(key)));
    const removed = KEYS.filter((_, index) => found[index] === undefined);
    expect(removed.toSorted()).toEqual([...expected].toSorted());
  });

  it('of nothing stored removes nothing', async () => {
    expect(await cache().store.deleteMatching('*')).toBe(0);
  });

  it('removes thousands and leaves their neighbours', async () => {
    const doomed = Array.from({ length: 1_500 }, (_, index) => `doomed:${index}`);
    const spared = Array.from({ length: 500 }, (_, index) => `spared:${index}`);
    await store([...doomed, ...spared]);
    expect(await cache().store.deleteMatching('doomed:*')).toBe(doomed.length);
    expect(await cache().store.deleteMatching('doomed:*')).toBe(0);
    expect(await cache().store.delete(spared)).toBe(spared.length);
  });

  it('a removed key can be set again', async () => {
    await store(['again']);
    await cache().store.deleteMatching('ag*');
    await store(['again']);
    expect(await cache().store.get('again')).toEqual(value);
  });
}

import { claim, type OpenLocks, useLocks } from './lock-fixtures.js';

const KEYS = [
  'a',
  'a:b',
  'a%3Ab',
  'a b\n',
  '{a}',
  '{a',
  'a}',
  '}:released:',
  'a}:released:b',
  '*',
  '[a-z]?',
  'ключ',
  '🐎',
  '\ud83d',
  'released',
  'k'.repeat(1_024),
];

/** Every text is a key of its own. */
export function keysSuite(open: OpenLocks): void {
  const locks = useLocks(open);

  it('keys of all kinds are kept apart and listed as they are', async () => {
    const claims = KEYS.map((key) => claim({ key }));
    for (const asked of claims) {
      expect(await locks().driver.acquire(asked)).toMatchObject({ outcome: 'acquired' });
    }
    const listed = await locks().driver.list(100);
    expect(listed.map(({ key }) => key).toSorted()).toEqual(KEYS.toSorted());
    for (const held of claims) expect(await locks().driver.release(held)).toBe('released');
    expect(await locks().driver.list(100)).toEqual([]);
  });

  it('owners of all kinds are shown as they are', async () => {
    const owners = ['', 'a b', '"quoted"', 'ключ 🐎', '0'];
    for (const owner of owners) {
      await locks().driver.acquire(claim({ key: `of ${owner}`, owner }));
    }
    const listed = await locks().driver.list(100);
    expect(listed.map(({ owner }) => owner).toSorted()).toEqual(owners.toSorted());
  });

  it.each([
    ['an empty key', ''],
    ['a key above 1 kB', 'k'.repeat(1_025)],
    ['a key above 1 kB in bytes', 'ключ'.repeat(200)],
  ])('refuses %s everywhere', async (_what, key) => {
    const { driver } = locks();
    const asked = claim({ key });
    const calls = [
      () => driver.acquire(asked),
      () => driver.extend(asked, 1_000),
      () => driver.release(asked),
      () => driver.forceRelease(key),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option: 'key' });
    }
  });
}

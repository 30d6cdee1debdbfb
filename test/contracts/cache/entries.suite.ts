import { type CacheSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;
const SHORT = 20;
const bytes = Buffer.from('value');

const TAGS = [
  'user:1',
  'a b',
  '*',
  '%20',
  'é',
  '🐎',
  '\ud83d',
  '\n',
  '{}',
  't'.repeat(1_024),
  'é'.repeat(512),
];

/** What an entry tells of itself, and what is refused. */
export function entriesSuite({ open }: CacheSubject): void {
  const cache = useByteStore(open);
  const driver = () => cache().driver;

  it('get gives the bytes, the tags and that nothing purged it', async () => {
    await driver().set('key', { bytes, ttlMs: HOUR, tags: ['a', 'b'] });
    expect(await driver().get('key')).toEqual({
      bytes,
      tags: ['a', 'b'],
      isPurged: false,
      remainingMs: expect.any(Number),
    });
  });

  it('an entry that was stored without tags has none', async () => {
    await driver().set('key', { bytes, ttlMs: HOUR });
    await driver().set('other', { bytes, ttlMs: HOUR, tags: [] });
    expect((await driver().get('key'))?.tags).toEqual([]);
    expect((await driver().get('other'))?.tags).toEqual([]);
  });

  it('any text of up to 1 kB is a tag, and comes back as it was', async () => {
    await driver().set('key', { bytes, ttlMs: HOUR, tags: TAGS });
    expect(await driver().get('key')).toMatchObject({ bytes, tags: TAGS });
  });

  it('takes 256 tags', async () => {
    const tags = Array.from({ length: 256 }, (_, index) => `tag:${index}`);
    await driver().set('key', { bytes, ttlMs: HOUR, tags });
    expect((await driver().get('key'))?.tags).toEqual(tags);
    await driver().purge(tags, 'hard');
    expect(await driver().get('key')).toBeUndefined();
  });

  it.each([
    ['an empty one', ['fine', '']],
    ['one of 1025 bytes', ['t'.repeat(1_025)]],
    ['257 of them', Array.from({ length: 257 }, (_, index) => `${index}`)],
  ])('refuses %s for tags, and changes nothing', async (_problem, tags) => {
    const refused = { code: 'E_INVALID_OPTION' };
    await driver().set('key', { bytes, ttlMs: HOUR, tags: ['fine'] });
    const other = Buffer.from('other');
    await expect(driver().set('key', { bytes: other, ttlMs: HOUR, tags })).rejects.toMatchObject(
      refused,
    );
    await expect(driver().purge(tags, 'hard')).rejects.toMatchObject(refused);
    expect((await driver().get('key'))?.bytes).toEqual(bytes);
  });

  it.each(['', 'k'.repeat(1_025)])('begin refuses a wrong key', async (key) => {
    await expect(driver().begin(key)).rejects.toMatchObject({ code: 'E_INVALID_OPTION' });
  });

  it('remainingMs tells how long an entry still lives', async () => {
    await driver().set('key', { bytes, ttlMs: HOUR });
    const remaining = (await driver().get('key'))?.remainingMs ?? 0;
    expect(remaining).toBeGreaterThan(HOUR - 60_000);
    expect(remaining).toBeLessThanOrEqual(HOUR);
    expect(Number.isInteger(remaining)).toBe(true);
    await cache().passTime(SHORT);
    expect((await driver().get('key'))?.remainingMs).toBeLessThan(remaining);
  });

  it('remainingMs follows the latest set', async () => {
    await driver().set('key', { bytes, ttlMs: HOUR });
    await driver().set('key', { bytes, ttlMs: HOUR / 2 });
    expect((await driver().get('key'))?.remainingMs).toBeLessThanOrEqual(HOUR / 2);
  });

  it('keys that are asked for at once, one of them often, are answered each for itself', async () => {
    const keys = Array.from({ length: 100 }, (_, index) => `key:${index}`);
    await Promise.all(
      keys.map((key, index) =>
        driver().set(key, {
          bytes: Buffer.from(key),
          ttlMs: HOUR,
          tags: index % 3 === 0 ? [`tag:${index}`] : [],
        }),
      ),
    );
    await driver().purge(['tag:3'], 'hard');
    await driver().purge(['tag:6'], 'soft');
    const asked = [...keys, 'absent', 'key:1', 'key:1'];
    const found = await Promise.all(asked.map((key) => driver().get(key)));
    const expected = asked.map((key) => (key === 'absent' || key === 'key:3' ? undefined : key));
    expect(found.map((entry) => entry && String(entry.bytes))).toEqual(expected);
    expect(asked.filter((_, index) => found[index]?.isPurged)).toEqual(['key:6']);
  });
}

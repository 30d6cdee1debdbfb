import { slotsOf } from '../../../src/modules/cache/drivers/tag-slots.js';
import { type CacheSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;
const bytes = Buffer.from('value');

/** Outdating by tag. */
export function purgeSuite({ open }: CacheSubject): void {
  const cache = useByteStore(open);
  const driver = () => cache().driver;
  const store = (key: string, ...tags: readonly string[]) =>
    driver().set(key, { bytes, ttlMs: HOUR, tags });

  /** `key` is there, `key~` is there and purged. */
  async function left(): Promise<readonly string[]> {
    const keys = ['none', 'a', 'b', 'ab'];
    const found = await Promise.all(keys.map((key) => driver().get(key)));
    return keys.flatMap((key, at) => (found[at] ? [found[at].isPurged ? `${key}~` : key] : []));
  }

  beforeEach(async () => {
    await store('none');
    await store('a', 'a');
    await store('b', 'b');
    await store('ab', 'a', 'b');
  });

  it.each([
    ['one tag', ['a'], { hard: ['none', 'b'], soft: ['none', 'a~', 'b', 'ab~'] }],
    ['several tags', ['a', 'b'], { hard: ['none'], soft: ['none', 'a~', 'b~', 'ab~'] }],
    ['an unknown tag', ['c'], { hard: ['none', 'a', 'b', 'ab'], soft: ['none', 'a', 'b', 'ab'] }],
    ['no tag', [], { hard: ['none', 'a', 'b', 'ab'], soft: ['none', 'a', 'b', 'ab'] }],
    ['everything', 'everything' as const, { hard: [], soft: ['none~', 'a~', 'b~', 'ab~'] }],
  ])('of %s outdates what has it, and marks it when it is soft', async (_what, scope, expected) => {
    await driver().purge(scope, 'soft');
    expect(await left()).toEqual(expected.soft);
    await driver().purge(scope, 'hard');
    expect(await left()).toEqual(expected.hard);
  });

  it('leaves alone what is stored afterwards, and its mark is gone', async () => {
    await driver().purge(['a'], 'hard');
    await driver().purge(['b'], 'soft');
    await store('a', 'a');
    await store('b', 'b');
    await store('ab', 'a', 'b');
    expect(await left()).toEqual(['none', 'a', 'b', 'ab']);
  });

  it('leaves alone a load that is begun afterwards', async () => {
    await driver().purge('everything', 'hard');
    await driver().purge(['a'], 'soft');
    const { permit } = await driver().begin('a');
    expect(await driver().set('a', { bytes, ttlMs: HOUR, tags: ['a'] }, permit)).toBe('stored');
    expect(await left()).toEqual(['a']);
  });

  it('again outdates what was stored since', async () => {
    for (let time = 0; time < 3; time += 1) {
      await driver().purge(['a'], 'hard');
      expect(await left()).toEqual(['none', 'b']);
      await store('a', 'a');
      await store('ab', 'b', 'a');
    }
  });

  it('a soft purge after a hard one brings nothing back', async () => {
    await driver().purge(['a'], 'hard');
    await driver().purge(['a'], 'soft');
    expect(await left()).toEqual(['none', 'b']);
  });

  it('what it outdated is not counted when it is deleted', async () => {
    await driver().purge(['a'], 'hard');
    await driver().purge(['b'], 'soft');
    expect(await driver().delete(['a', 'b', 'ab', 'none'])).toBe(2);
    await store('a', 'a');
    await driver().purge('everything', 'hard');
    expect(await driver().deleteMatching('*')).toBe(0);
  });

  it('an entry that shares but the slot of a tag goes with it', async () => {
    const [one, other] = neighbours();
    await store('a', one);
    await driver().purge([other], 'hard');
    expect(await left()).not.toContain('a');
  });
}

/** Two tags of one slot: birthdays make them easy to find. */
function neighbours(): readonly [string, string] {
  const bySlot = new Map<number, string>();
  for (let at = 0; ; at += 1) {
    const [slot = 0] = slotsOf([`tag:${at}`]);
    const known = bySlot.get(slot);
    if (known !== undefined) return [known, `tag:${at}`];
    bySlot.set(slot, `tag:${at}`);
  }
}

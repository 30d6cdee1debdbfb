import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import { type CacheSubject, useByteStore } from './cache-fixtures.js';

const HOUR = 3_600_000;
const SHORT = 20;
const [OLD, NEW, LOADED] = [Buffer.from('old'), Buffer.from('new'), Buffer.from('loaded')];
const loaded = { bytes: LOADED, ttlMs: HOUR };

/** What happens to the key while a load is under way, and outdates it. */
const OUTDATING: readonly (readonly [
  what: string,
  change: (d: CacheDriver) => Promise<unknown>,
])[] = [
  ['it was stored', (driver) => driver.set('key', { bytes: NEW, ttlMs: HOUR })],
  ['it was deleted', (driver) => driver.delete(['other', 'key'])],
  ['a pattern removed it', (driver) => driver.deleteMatching('k*')],
  ['everything was purged', (driver) => driver.purge('everything', 'hard')],
  [
    'it was stored and deleted',
    async (driver) => {
      await driver.set('key', { bytes: NEW, ttlMs: HOUR });
      await driver.delete(['key']);
    },
  ],
  [
    'it was deleted, and another load begun',
    async (driver) => {
      await driver.delete(['key']);
      await driver.begin('key');
    },
  ],
  [
    'another load was stored',
    async (driver) => driver.set('key', loaded, (await driver.begin('key')).permit),
  ],
];

/** A load is stored only where nothing outdated it since it was begun. */
export function fenceSuite({ open }: CacheSubject): void {
  const cache = useByteStore(open);
  const driver = () => cache().driver;

  describe.each([
    ['over nothing', async () => undefined],
    ['over an entry', async () => driver().set('key', { bytes: OLD, ttlMs: HOUR })],
  ])('%s', (_what, prepare) => {
    beforeEach(async () => void (await prepare()));

    it('a load is stored', async () => {
      const { permit } = await driver().begin('key');
      expect(await driver().set('key', { ...loaded, tags: ['a'] }, permit)).toBe('stored');
      expect(await driver().get('key')).toMatchObject({
        bytes: LOADED,
        tags: ['a'],
        isPurged: false,
      });
    });

    it.each(OUTDATING)('a load is outdated when %s', async (_change, change) => {
      const { permit } = await driver().begin('key');
      await change(driver());
      const before = await driver().get('key');
      expect(await driver().set('key', loaded, permit)).toBe('outdated');
      expect((await driver().get('key'))?.bytes).toEqual(before?.bytes);
      expect(await driver().set('key', loaded, permit)).toBe('outdated');
    });

    it.each([
      ['known then', ['old-tag']],
      ['not known then', ['new-tag']],
    ])('a load is outdated when one of its tags, %s, was purged', async (_known, purged) => {
      const { permit } = await driver().begin('key');
      await driver().purge(purged, 'hard');
      const entry = { ...loaded, tags: ['old-tag', 'new-tag'] };
      const before = await driver().get('key');
      expect(await driver().set('key', entry, permit)).toBe('outdated');
      expect((await driver().get('key'))?.bytes).toEqual(before?.bytes);
    });

    it('a load whose tag was purged softly is stored as purged', async () => {
      const { permit } = await driver().begin('key');
      await driver().purge(['a'], 'soft');
      expect(await driver().set('key', { ...loaded, tags: ['a'] }, permit)).toBe('stored');
      expect(await driver().get('key')).toMatchObject({ bytes: LOADED, isPurged: true });
    });

    it('a load is not outdated by what concerns others', async () => {
      const { permit } = await driver().begin('key');
      await driver().set('another', { bytes: NEW, ttlMs: HOUR, tags: ['b'] });
      await driver().delete(['another']);
      await driver().deleteMatching('an*');
      await driver().purge(['b'], 'hard');
      expect(await driver().set('key', { ...loaded, tags: ['a'] }, permit)).toBe('stored');
      expect((await driver().get('key'))?.bytes).toEqual(LOADED);
    });
  });

  it('of two loads at once the first that is stored wins', async () => {
    const [one, two] = [await driver().begin('key'), await driver().begin('key')];
    expect(await driver().set('key', { bytes: NEW, ttlMs: HOUR }, two.permit)).toBe('stored');
    expect(await driver().set('key', loaded, one.permit)).toBe('outdated');
    expect((await driver().get('key'))?.bytes).toEqual(NEW);
  });

  it('begin gives what get would, and leaves it there', async () => {
    expect((await driver().begin('key')).entry).toBeUndefined();
    expect((await driver().begin('key')).entry).toBeUndefined();
    await driver().set('key', { bytes: OLD, ttlMs: HOUR, tags: ['a'] });
    const { entry } = await driver().begin('key');
    expect(entry).toMatchObject({ bytes: OLD, tags: ['a'], isPurged: false });
    expect(await driver().get('key')).toMatchObject({ bytes: OLD });
    await driver().purge(['a'], 'soft');
    expect((await driver().begin('key')).entry).toMatchObject({ bytes: OLD, isPurged: true });
    await driver().purge(['a'], 'hard');
    expect((await driver().begin('key')).entry).toBeUndefined();
  });

  it('a load under way is no entry: not found, and not counted', async () => {
    await driver().begin('key');
    expect(await driver().get('key')).toBeUndefined();
    expect(await driver().delete(['key'])).toBe(0);
    await driver().begin('key');
    expect(await driver().deleteMatching('*')).toBe(0);
  });

  it('begin does not lengthen the life of an entry, nor its end the load', async () => {
    await driver().set('key', { bytes: OLD, ttlMs: SHORT });
    const { permit } = await driver().begin('key');
    await cache().passTime(SHORT);
    expect(await driver().get('key')).toBeUndefined();
    expect((await driver().begin('key')).entry).toBeUndefined();
    expect(await driver().set('key', loaded, permit)).toBe('stored');
    expect((await driver().get('key'))?.bytes).toEqual(LOADED);
  });

  it('an entry whose time was over while it was loaded is not counted', async () => {
    await driver().set('key', { bytes: OLD, ttlMs: SHORT });
    await driver().begin('key');
    await cache().passTime(SHORT);
    expect(await driver().delete(['key'])).toBe(0);
  });

  describe('cancel', () => {
    const cancel = (permit: unknown, ...tags: readonly string[]) =>
      driver().cancel('key', permit, tags);

    it.each(OUTDATING)('tells that a load is outdated when %s', async (_change, change) => {
      const { permit } = await driver().begin('key');
      await change(driver());
      const before = await driver().get('key');
      expect(await cancel(permit)).toBe('outdated');
      expect((await driver().get('key'))?.bytes).toEqual(before?.bytes);
    });

    it('tells so where a tag was purged hard, and not where softly, or another', async () => {
      for (const [purged, kind, outcome] of [
        ['a', 'hard', 'outdated'],
        ['a', 'soft', 'current'],
        ['b', 'hard', 'current'],
      ] as const) {
        const { permit } = await driver().begin('key');
        await driver().purge([purged], kind);
        expect(await cancel(permit, 'a')).toBe(outcome);
      }
    });

    it('leaves nothing behind: the permit is of no use any more', async () => {
      const { permit } = await driver().begin('key');
      expect(await cancel(permit)).toBe('current');
      expect(await driver().get('key')).toBeUndefined();
      expect(await cancel(permit)).toBe('outdated');
      expect(await driver().set('key', loaded, permit)).toBe('outdated');
      const next = await driver().begin('key');
      expect(await driver().set('key', loaded, next.permit)).toBe('stored');
    });

    it('leaves an entry as it is', async () => {
      await driver().set('key', { bytes: OLD, ttlMs: HOUR, tags: ['a'] });
      const { permit } = await driver().begin('key');
      expect(await cancel(permit)).toBe('current');
      expect(await driver().get('key')).toMatchObject({ bytes: OLD, tags: ['a'] });
    });

    it('does not touch other loads of the key', async () => {
      const [one, two, three] = await Promise.all([
        driver().begin('key'),
        driver().begin('key'),
        driver().begin('key'),
      ]);
      expect([await cancel(one.permit), await cancel(two.permit)]).toEqual(['current', 'current']);
      expect(await driver().set('key', loaded, three.permit)).toBe('stored');
    });

    it('refuses wrong keys and tags', async () => {
      const { permit } = await driver().begin('key');
      const refusal = { code: 'E_INVALID_OPTION' };
      await expect(driver().cancel('', permit, [])).rejects.toMatchObject(refusal);
      await expect(cancel(permit, '')).rejects.toMatchObject(refusal);
      expect(await cancel('of another driver')).toBe('outdated');
      expect(await cancel(permit)).toBe('current');
    });
  });

  it('a permit is of use for its own key only', async () => {
    const { permit } = await driver().begin('key');
    await driver().begin('other');
    expect(await driver().set('other', loaded, permit)).toBe('outdated');
    expect(await driver().get('other')).toBeUndefined();
  });

  it('a load that ends with a life of its own lives as long as it was told', async () => {
    const { permit } = await driver().begin('key');
    await driver().set('key', { bytes: LOADED, ttlMs: SHORT }, permit);
    await cache().passTime(SHORT);
    expect(await driver().get('key')).toBeUndefined();
  });
}

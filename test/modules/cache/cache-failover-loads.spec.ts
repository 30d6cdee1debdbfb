import type { CacheChange, CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import { eventually } from '../../support/eventually.js';
import { bytesAt, entryOf, FailoverRig, unavailable } from './failover-rig.js';
import type { FakePrimary } from './fake-primary.js';

const HOUR = 3_600_000;
const [OLD, NEW] = [Buffer.from('old'), Buffer.from('new')];

let rig: FailoverRig;
let primary: FakePrimary;
let cache: CacheDriver;

async function build(): Promise<void> {
  rig = new FailoverRig();
  ({ primary, cache } = rig);
  await rig.comeBack();
}

const goAway = (): void => rig.goAway();
const comeBack = (): Promise<void> => rig.comeBack();

afterEach(() => rig.gate.stop());

describe('a load of the cache while Redis is away', () => {
  beforeEach(async () => {
    await build();
    await cache.set('key', entryOf(OLD, HOUR));
  });

  it('that was begun before is kept nowhere: what changed meanwhile is unknown', async () => {
    const { permit } = await cache.begin('key');
    const other = await cache.begin('other');
    goAway();
    await cache.delete(['key']);
    expect(await cache.set('key', entryOf(OLD, HOUR), permit)).toBe('outdated');
    expect(await cache.cancel('other', other.permit, [])).toBe('outdated');
    expect(await bytesAt(cache, 'key')).toBeUndefined();
    await comeBack();
    expect(await bytesAt(cache, 'key')).toBeUndefined();
  });

  it('that was begun in memory is outdated by what is changed on Redis since', async () => {
    const permits = new Map<string, unknown>();
    const entry = entryOf(OLD, HOUR, 'tag');
    goAway();
    for (const key of ['deleted', 'matched', 'stored', 'other'])
      permits.set(key, (await cache.begin(key)).permit);
    await comeBack();
    await cache.delete(['deleted']);
    await cache.deleteMatching('match*');
    await cache.set('stored', entryOf(NEW, HOUR));
    goAway();
    for (const key of ['deleted', 'matched', 'stored'])
      expect(await cache.set(key, entry, permits.get(key))).toBe('outdated');
    await comeBack();
    await cache.purge(['tag'], 'hard');
    goAway();
    expect(await cache.set('other', entry, permits.get('other'))).toBe('outdated');
  });

  it('that was begun meanwhile is fenced in memory, and refused by Redis', async () => {
    goAway();
    const one = await cache.begin('key');
    const two = await cache.begin('key');
    expect(await cache.set('key', entryOf(NEW, HOUR), one.permit)).toBe('provisional');
    expect(await cache.set('key', entryOf(NEW, HOUR), two.permit)).toBe('outdated');
    await comeBack();
    expect(await cache.set('key', entryOf(NEW, HOUR), two.permit)).toBe('outdated');
    expect(await bytesAt(cache, 'key')).toBeUndefined();
  });

  it('makes up for nothing that Redis missed: it may be refused there', async () => {
    primary.obstacle = unavailable('deadline');
    await cache.delete(['key']);
    primary.obstacle = () => undefined;
    primary.calls.length = 0;
    const { permit } = await cache.begin('key');
    expect(await cache.set('key', entryOf(NEW, HOUR), permit)).toBe('provisional');
    expect(primary.calls).toEqual([]);
    await eventually(() => rig.failover.active === 'primary');
    expect(await bytesAt(cache, 'key')).toBeUndefined();
    expect(await bytesAt(primary.kept, 'key')).toBeUndefined();
  });
});

describe('changes of the cache that others make on Redis', () => {
  beforeEach(async () => {
    await build();
    // Redis can be reached, and its answer of these keys is not trusted until the replay.
    primary.obstacle = unavailable('deadline');
    await cache.deleteMatching('key*');
    primary.obstacle = () => undefined;
    const { permit } = await cache.begin('key');
    expect(await cache.set('key', entryOf(OLD, HOUR, 'tag'), permit)).toBe('provisional');
    expect(await bytesAt(cache, 'key')).toEqual(OLD);
  });

  it.each<readonly [string, CacheChange]>([
    ['a key', { keys: ['key'] }],
    ['a pattern', { pattern: 'k?y' }],
    ['a purge', { purged: ['tag'], kind: 'hard' }],
  ])('reach what the memory serves: %s', async (_what, change) => {
    const { permit } = await cache.begin('key2');
    primary.tell('keys' in change ? { keys: ['key', 'key2'] } : change);
    if ('pattern' in change) primary.tell({ pattern: 'key?' });
    expect(await bytesAt(cache, 'key')).toBeUndefined();
    expect(await cache.set('key2', entryOf(OLD, HOUR, 'tag'), permit)).toBe('outdated');
  });

  it('reach it softly where they are soft', async () => {
    primary.tell({ purged: 'everything', kind: 'soft' });
    expect(await cache.get('key')).toMatchObject({ bytes: OLD, isPurged: true });
  });
});

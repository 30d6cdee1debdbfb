import { type FailoverDriver, RedisUnavailableError } from '../../../src/common/redis/index.js';
import type { RedisGate } from '../../../src/common/redis/gate.js';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import type { CacheOptions } from '../../../src/modules/cache/cache.options.js';
import type { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { Deferred } from '../../support/deferred.js';
import { bytesAt, entryOf, FailoverRig, unavailable } from './failover-rig.js';
import type { FakePrimary } from './fake-primary.js';

const HOUR = 3_600_000;
const [OLD, NEW] = [Buffer.from('old'), Buffer.from('new')];

describe('the cache while Redis is away', () => {
  let rig: FailoverRig;
  let gate: RedisGate;
  let primary: FakePrimary;
  let clock: FakeClock;
  let failover: FailoverDriver<CacheDriver>;
  let cache: CacheDriver;

  function build(options: CacheOptions = {}): void {
    rig = new FailoverRig(options);
    ({ gate, primary, clock, failover, cache } = rig);
  }

  const goAway = (): void => rig.goAway();
  const comeBack = (): Promise<void> => rig.comeBack();

  afterEach(() => gate.stop());

  describe.each(['memory', 'bypass'] as const)('and the policy is %s', (fallback) => {
    beforeEach(async () => {
      build({ fallback });
      await comeBack();
      await cache.set('key', entryOf(OLD, HOUR));
      goAway();
      primary.calls.length = 0;
    });

    it('nothing is asked of Redis and nothing fails', async () => {
      expect(await bytesAt(cache, 'key')).toBeUndefined();
      expect((await cache.begin('key')).entry).toBeUndefined();
      await cache.set('new', entryOf(NEW, HOUR));
      expect(await bytesAt(cache, 'new')).toEqual(fallback === 'memory' ? NEW : undefined);
      expect(await cache.delete(['new'])).toBe(fallback === 'memory' ? 1 : 0);
      expect(await cache.deleteMatching('*')).toBe(0);
      expect(primary.calls).toEqual([]);
    });

    it('what it answers is marked: nobody else has it', async () => {
      expect(await cache.set('new', entryOf(NEW, HOUR))).toBe('provisional');
      const { permit, entry } = await cache.begin('new');
      const marked = fallback === 'memory' ? { bytes: NEW, isProvisional: true } : undefined;
      expect(entry).toEqual(marked && expect.objectContaining(marked));
      expect(await cache.get('new')).toEqual(marked && expect.objectContaining(marked));
      expect(await cache.set('new', entryOf(OLD, HOUR), permit)).toBe('provisional');
      const next = await cache.begin('new');
      expect(await cache.cancel('new', next.permit, [])).toBe('current');
    });

    it('what was untouched is there again afterwards', async () => {
      await bytesAt(cache, 'key');
      await comeBack();
      expect(await bytesAt(cache, 'key')).toEqual(OLD);
    });

    it.each<readonly [change: string, make: () => Promise<unknown>]>([
      ['set', () => cache.set('key', entryOf(NEW, HOUR))],
      ['deleted', () => cache.delete(['key'])],
      ['deleted by pattern', () => cache.deleteMatching('k*')],
    ])('what was %s meanwhile is not served as it was before', async (_change, make) => {
      await make();
      await comeBack();
      expect(await bytesAt(cache, 'key')).toBeUndefined();
      expect(await bytesAt(primary.kept, 'key')).toBeUndefined();
    });

    it('a wrong key is refused and does not stand in the way of recovery', async () => {
      const refusal = { code: 'E_INVALID_OPTION' };
      for (const wrong of ['', 'k'.repeat(1_025)]) {
        await expect(cache.get(wrong)).rejects.toMatchObject(refusal);
        await expect(cache.begin(wrong)).rejects.toMatchObject(refusal);
        await expect(cache.set(wrong, entryOf(NEW, HOUR))).rejects.toMatchObject(refusal);
        await expect(cache.delete(['key', wrong])).rejects.toMatchObject(refusal);
      }
      await comeBack();
      expect(await bytesAt(cache, 'key')).toEqual(OLD);
    });

    it('no time to live is refused', async () => {
      const refusal = { code: 'E_INVALID_OPTION' };
      await expect(cache.set('key', entryOf(NEW, 0))).rejects.toMatchObject(refusal);
    });
  });

  describe('in memory', () => {
    beforeEach(async () => {
      build({ fallbackTtl: '30s' });
      await comeBack();
      goAway();
    });

    it('entries live for fallbackTtl at most', async () => {
      await cache.set('long', entryOf(NEW, HOUR));
      await cache.set('short', entryOf(NEW, 1_000));
      clock.advance(29_999);
      expect([await bytesAt(cache, 'long'), await bytesAt(cache, 'short')]).toEqual([
        NEW,
        undefined,
      ]);
      clock.advance(1);
      expect(await bytesAt(cache, 'long')).toBeUndefined();
    });

    it('tell the life they were given, though it is cut short here', async () => {
      await cache.set('long', entryOf(NEW, HOUR));
      clock.advance(20_000);
      expect(await cache.get('long')).toMatchObject({ remainingMs: HOUR - 20_000 });
    });

    it('entries are dropped on recovery, so that the next outage starts empty', async () => {
      await cache.set('key', entryOf(NEW, HOUR));
      await comeBack();
      goAway();
      expect(await bytesAt(cache, 'key')).toBeUndefined();
    });
  });

  describe('on recovery', () => {
    beforeEach(async () => {
      build();
      await comeBack();
      await cache.set('key', entryOf(OLD, HOUR));
      goAway();
      await cache.set('key', entryOf(NEW, HOUR));
      primary.calls.length = 0;
    });

    it('the memory serves until the journal is replayed', async () => {
      const replayed = new Deferred<void>();
      primary.obstacle = () => replayed.promise;
      gate.linkUp();
      await eventually(() => primary.calls.includes('delete key'));
      expect([gate.isClosed, failover.active]).toEqual([true, 'fallback']);
      expect(await bytesAt(cache, 'key')).toEqual(NEW);
      replayed.resolve();
      await eventually(() => failover.active === 'primary');
      expect(await bytesAt(cache, 'key')).toBeUndefined();
      expect(primary.calls).toEqual(['delete key', 'get key']);
    });

    it('what changes during the replay changes on Redis, and is served from there', async () => {
      const replayed = new Deferred<void>();
      primary.obstacle = () => (primary.calls.length === 1 ? replayed.promise : undefined);
      gate.linkUp();
      await eventually(() => primary.calls.length === 1);
      await cache.set('key', entryOf(OLD, HOUR));
      await cache.deleteMatching('late*');
      expect(await bytesAt(cache, 'key')).toEqual(OLD);
      replayed.resolve();
      await eventually(() => failover.active === 'primary');
      expect(primary.calls).toEqual(['delete key', 'set key', 'match late*', 'get key']);
    });

    it('is over for a busy process too: it does not wait until nobody stores anything', async () => {
      goAway();
      for (let n = 0; n <= 10_000; n += 1) await cache.set(`away:${n}`, entryOf(NEW, HOUR));
      primary.obstacle = () => new Promise((resolve) => setImmediate(resolve));
      gate.linkUp();
      let stored = 0;
      for (; failover.active !== 'primary' && stored < 1_000; stored += 1) {
        await cache.set(`busy:${stored}`, entryOf(NEW, HOUR));
      }
      expect(primary.calls.filter((call) => call.startsWith('match'))).toEqual(['match *']);
      expect(stored).toBeLessThan(1_000);
    });

    it('a replay that fails leaves the memory serving, and is repeated next time', async () => {
      primary.obstacle = () => {
        goAway();
        throw new RedisUnavailableError('connection');
      };
      gate.linkUp();
      await eventually(() => primary.calls.length === 1 && !gate.isClosed);
      expect(await bytesAt(cache, 'key')).toEqual(NEW);
      primary.obstacle = () => undefined;
      await comeBack();
      expect(primary.calls).toEqual(['delete key', 'delete key']);
      expect(await bytesAt(cache, 'key')).toBeUndefined();
    });
  });

  describe('purges', () => {
    beforeEach(async () => {
      build();
      await comeBack();
      await cache.set('key', entryOf(OLD, HOUR, 'tag'));
      await cache.set('other', entryOf(OLD, HOUR));
    });

    it.each(['hard', 'soft'] as const)('that are %s while Redis is away reach it', async (kind) => {
      goAway();
      await cache.purge(['tag'], kind);
      await comeBack();
      const found = await cache.get('key');
      expect(found?.isPurged).toBe(kind === 'hard' ? undefined : true);
      expect(await cache.get('other')).toMatchObject({ bytes: OLD, isPurged: false });
    });

    it('reach it before anything is served from there', async () => {
      goAway();
      await cache.purge(['tag'], 'hard');
      const replayed = new Deferred<void>();
      primary.obstacle = () => replayed.promise;
      primary.calls.length = 0;
      gate.linkUp();
      await eventually(() => primary.calls.length > 0);
      expect(await bytesAt(cache, 'other')).toBeUndefined();
      expect((await cache.begin('other')).entry).toBeUndefined();
      expect(primary.calls).toEqual(['purge tag hard']);
      replayed.resolve();
      await eventually(() => failover.active === 'primary');
      expect(await bytesAt(cache, 'other')).toEqual(OLD);
    });

    it('of unknown outcome are made up for before Redis is trusted again', async () => {
      primary.obstacle = unavailable('deadline');
      await cache.purge(['tag'], 'hard');
      primary.obstacle = () => undefined;
      expect([await bytesAt(cache, 'key'), await bytesAt(cache, 'other')]).toEqual([
        undefined,
        undefined,
      ]);
      await eventually(() => failover.active === 'primary');
      expect([await bytesAt(cache, 'key'), await bytesAt(cache, 'other')]).toEqual([
        undefined,
        OLD,
      ]);
    });

    it('outdate what the memory keeps meanwhile', async () => {
      goAway();
      await cache.set('key', entryOf(NEW, HOUR, 'tag'));
      await cache.purge(['tag'], 'hard');
      expect(await bytesAt(cache, 'key')).toBeUndefined();
    });
  });

  describe('for a single call', () => {
    beforeEach(async () => {
      build();
      await comeBack();
      await cache.set('key', entryOf(OLD, HOUR));
    });

    it('a read that fails is a miss, and the next one asks Redis again', async () => {
      primary.obstacle = unavailable('deadline');
      expect(await bytesAt(cache, 'key')).toBeUndefined();
      primary.obstacle = () => undefined;
      expect(await bytesAt(cache, 'key')).toEqual(OLD);
    });

    it('a change of unknown outcome is made up for before Redis is trusted again', async () => {
      primary.obstacle = unavailable('deadline');
      expect(await cache.delete(['key'])).toBe(0);
      primary.obstacle = () => undefined;
      expect(failover.active).toBe('fallback');
      expect(await bytesAt(cache, 'key')).toBeUndefined();
      await eventually(() => failover.active === 'primary');
      expect(await bytesAt(primary.kept, 'key')).toBeUndefined();
    });

    it('a change of unknown outcome distrusts its own key only', async () => {
      await cache.set('other', entryOf(OLD, HOUR));
      primary.obstacle = unavailable('deadline');
      await cache.set('key', entryOf(NEW, HOUR));
      primary.obstacle = () => undefined;
      expect(await bytesAt(cache, 'other')).toEqual(OLD);
      expect(await bytesAt(cache, 'key')).toBeUndefined();
      expect((await cache.begin('other')).entry?.remainingMs).toBe(HOUR);
    });

    it('a pattern of unknown outcome distrusts what it matches only', async () => {
      await cache.set('other', entryOf(OLD, HOUR));
      primary.obstacle = unavailable('deadline');
      await cache.deleteMatching('k*');
      primary.obstacle = () => undefined;
      expect([await bytesAt(cache, 'other'), await bytesAt(cache, 'key')]).toEqual([
        OLD,
        undefined,
      ]);
    });

    it('what Redis has moved past since is not shown by the next outage', async () => {
      primary.obstacle = unavailable('deadline');
      await cache.delete(['key']);
      goAway();
      await cache.set('key', entryOf(OLD, HOUR));
      primary.obstacle = () => undefined;
      await comeBack();
      await cache.set('key', entryOf(NEW, HOUR));
      goAway();
      expect(await bytesAt(cache, 'key')).toBeUndefined();
    });

    it('a value whose storing failed does not come back over a later delete', async () => {
      const frozen = new Deferred<void>();
      primary.obstacle = () => frozen.promise;
      const storing = cache.set('key', entryOf(OLD, HOUR));
      goAway();
      await cache.delete(['key']);
      frozen.reject(new RedisUnavailableError('deadline'));
      await storing;
      expect(await bytesAt(cache, 'key')).toBeUndefined();
    });

    it('an error that is not about availability passes through', async () => {
      primary.obstacle = () => {
        throw new TypeError('a bug');
      };
      await expect(cache.get('key')).rejects.toBeInstanceOf(TypeError);
      expect(failover.active).toBe('primary');
    });
  });
});

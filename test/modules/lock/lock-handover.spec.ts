import { RedisUnavailableError } from '../../../src/common/redis/index.js';
import type { LockHandle } from '../../../src/modules/lock/index.js';
import { Deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { claimOf, type FailoverFixture, HOUR, openFailover } from './failover-fixture.js';

const TTL = { ttl: '30s' } as const;

let gate: FailoverFixture['gate'];
let redis: FailoverFixture['redis'];
let clock: FailoverFixture['clock'];
let failover: FailoverFixture['failover'];
let harness: FailoverFixture['harness'];
let goAway: FailoverFixture['goAway'];
let comeBack: FailoverFixture['comeBack'];

describe('locks of a single process when Redis is back', () => {
  beforeEach(async () => {
    ({ gate, redis, clock, failover, harness, goAway, comeBack } = await openFailover('memory'));
  });

  afterEach(() => gate.stop());

  /** Takes a lock here, while Redis is away. */
  async function heldHere(key = 'job'): Promise<LockHandle> {
    goAway();
    return harness.locks.acquire(key, TTL);
  }

  /** Brings Redis back, and stops at the moment a lock is asked for there. */
  async function comeBackUntilAsked(): Promise<{ goOn: () => Promise<void> }> {
    const held = new Deferred<void>();
    redis.before = (call) => (call === 'acquire job' ? held.promise : undefined);
    gate.linkUp();
    await eventually(() => redis.calls.includes('acquire job'));
    const goOn = async (): Promise<void> => {
      redis.before = () => undefined;
      held.resolve();
      await eventually(() => failover.active === 'primary');
    };
    return { goOn };
  }

  const shown = async (): Promise<unknown> =>
    (await redis.kept.list(1_000)).map(({ key, remainingMs }) => [key, remainingMs]);

  it('are not granted there together with others before they are taken over', async () => {
    const lock = await heldHere();
    const { goOn } = await comeBackUntilAsked();
    const refusal = { code: 'E_LOCK_BUSY' };
    await expect(harness.locks.acquire(['job'], TTL)).rejects.toMatchObject(refusal);
    const both = await harness.locks.tryAcquire(['job', 'other'], TTL).catch(() => undefined);
    expect([both, lock.isHeld]).toEqual([undefined, true]);
    await goOn();
    expect(await harness.locks.tryAcquire(['job', 'other'], TTL)).toBeUndefined();
    expect(await lock.release()).toBe('released');
  });

  it('are taken over there, for the rest of their time, undisturbed', async () => {
    const lock = await heldHere();
    clock.advance(10_000);
    await comeBack();
    expect([lock.isHeld, lock.remainingMs, await shown()]).toEqual([
      true,
      20_000,
      [['job', 20_000]],
    ]);
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await lock.extend('1h')).toBe('extended');
    expect([await lock.release(), await shown()]).toEqual(['released', []]);
    expect(harness.names()).toEqual(['lock.acquired', 'lock.released']);
  });

  it('have fences that go on from those of Redis, and those of Redis from theirs', async () => {
    const before = await harness.locks.acquire('job', TTL);
    await before.release();
    clock.set(clock.now() - HOUR);
    const here = await heldHere();
    expect(here.fence).toBeGreaterThan(before.fence);
    await comeBack();
    await here.release();
    const after = await harness.locks.acquire('job', TTL);
    expect(after.fence).toBeGreaterThan(here.fence);
  });

  it('of the outage crowd out nothing that Redis has to be told', async () => {
    const known = await harness.locks.acquire('job', TTL);
    goAway();
    await known.release();
    for (let cycle = 0; cycle < 1_100; cycle += 1) {
      await (await harness.locks.acquire(`other:${cycle}`, TTL)).release();
    }
    const again = await harness.locks.acquire('job', TTL);
    await comeBack();
    expect([again.isHeld, await shown()]).toEqual([true, [['job', 30_000]]]);
    expect(await again.release()).toBe('released');
  });

  it('are lost, and their holder is told, where somebody else was faster', async () => {
    const lock = await heldHere();
    await lock.extend();
    await redis.kept.acquire(claimOf('other'));
    await comeBack();
    expect(harness.names()).toEqual(['lock.acquired', 'lock.lost']);
    expect([lock.isHeld, lock.remainingMs]).toEqual([false, 0]);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'E_LOCK_LOST' }));
    goAway();
    expect([await lock.extend(), await lock.release()]).toEqual(['lost', 'lost']);
    expect(await redis.kept.extend({ key: 'job', token: 'other' }, 1)).toMatchObject({
      outcome: 'extended',
    });
  });

  it('end a block with an error where they were lost', async () => {
    goAway();
    const work = harness.locks.withLock('job', TTL, async () => {
      await redis.kept.acquire(claimOf('other'));
      await comeBack();
    });
    await expect(work).rejects.toMatchObject({ code: 'E_LOCK_LOST' });
  });

  it('that Redis granted before are taken over as well, where it came back empty', async () => {
    const [lock, extended] = await Promise.all([
      harness.locks.acquire('job', TTL),
      harness.locks.acquire('extended', TTL),
    ]);
    goAway();
    await extended.extend('1h');
    for (const key of ['job', 'extended']) await redis.kept.forceRelease(key);
    await comeBack();
    expect([lock.isHeld, extended.isHeld]).toEqual([true, true]);
    expect(await shown()).toEqual([
      ['job', 30_000],
      ['extended', HOUR],
    ]);
  });

  it('that Redis granted to somebody else since are lost', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    await redis.kept.forceRelease('job');
    await redis.kept.acquire(claimOf('other'));
    await comeBack();
    expect([lock.isHeld, harness.names()]).toEqual([false, ['lock.acquired', 'lock.lost']]);
  });

  it('that were taken away meanwhile are free there as well', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    expect(await harness.locks.forceRelease('job')).toMatchObject({ key: 'job' });
    await comeBack();
    await eventually(async () => expect(await shown()).toEqual([]));
    expect(await lock.extend()).toBe('lost');
  });

  it('are not hindered by what was given back here before', async () => {
    const before = await harness.locks.acquire('job', TTL);
    goAway();
    await before.release();
    const lock = await harness.locks.acquire('job', TTL);
    await comeBack();
    expect([lock.isHeld, await lock.extend()]).toEqual([true, 'extended']);
  });

  it('that were granted here because the answer of Redis was lost are not given back', async () => {
    redis.after = () => {
      redis.after = () => undefined;
      goAway();
      throw new RedisUnavailableError('connection');
    };
    const lock = await harness.locks.acquire('job', TTL);
    await comeBack();
    expect([lock.isHeld, await lock.extend()]).toEqual([true, 'extended']);
    expect(redis.calls).not.toContain('release job');
  });

  it('keep others out until they are taken over, and nobody else', async () => {
    await heldHere();
    const { goOn } = await comeBackUntilAsked();
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await harness.locks.tryAcquire('another', TTL)).toMatchObject({ isHeld: true });
    expect(redis.calls).toEqual(['acquire job', 'acquire another']);
    await goOn();
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
  });

  it.each<readonly [string, (lock: LockHandle) => unknown]>([
    ['given back', (lock) => lock.release()],
    ['taken away', () => harness.locks.forceRelease('job')],
    ['over', () => clock.advance(30_000)],
  ])('do not stay there when they are %s while they are taken over', async (_how, end) => {
    const lock = await heldHere();
    const { goOn } = await comeBackUntilAsked();
    await end(lock);
    await goOn();
    await eventually(async () => expect(await shown()).toEqual([]));
  });

  it('are held there for as long as they were extended while they were taken over', async () => {
    const lock = await heldHere();
    const { goOn } = await comeBackUntilAsked();
    expect(await lock.extend('1h')).toBe('extended');
    await goOn();
    expect([lock.remainingMs, await shown()]).toEqual([HOUR, [['job', HOUR]]]);
  });

  it.each(['goes away again', 'leaves a call unanswered'])(
    'are all taken over, also where Redis %s half way',
    async (what) => {
      goAway();
      const keys = Array.from({ length: 120 }, (_, at) => `job:${at}`);
      const locks = await Promise.all(keys.map((key) => harness.locks.acquire(key, TTL)));
      redis.after = (call) => {
        if (call !== 'acquire job:60') return;
        redis.after = () => undefined;
        if (what === 'goes away again') goAway();
        throw new RedisUnavailableError('connection');
      };
      gate.linkUp();
      await eventually(() => redis.calls.includes('acquire job:60'));
      expect(await harness.locks.tryAcquire('job:119', TTL)).toBeUndefined();
      if (what === 'goes away again') expect(gate.isClosed).toBe(false);
      await comeBack();
      expect(await redis.kept.list(1_000)).toHaveLength(120);
      expect(locks.every(({ isHeld }) => isHeld)).toBe(true);
      expect(await locks[60]?.release()).toBe('released');
    },
  );

  it('are lost where their key cannot be used there, and hold up no others', async () => {
    await heldHere('other');
    const lock = await heldHere();
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation();
    redis.before = (call) => {
      if (call === 'acquire job') throw new Error('WRONGTYPE of somebody');
    };
    await comeBack();
    expect([lock.isHeld, await shown()]).toEqual([false, [['other', 30_000]]]);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });
});

import type { LockHandle } from '../../../src/modules/lock/index.js';
import { LockBackendDownError } from '../../../src/modules/lock/lock.errors.js';
import { harnessOn, interceptedDriver, type LockHarness, lockHarness } from './lock-harness.js';

const TTL_MS = 1_000;

let harness: LockHarness;

async function held(from: Pick<LockHarness, 'locks'> = harness): Promise<LockHandle> {
  return from.locks.acquire('job', { ttl: TTL_MS });
}

beforeEach(() => {
  harness = lockHarness();
});

describe('the fence of a handle', () => {
  it('is that of its hold, through extensions and after it', async () => {
    const lock = await held();
    const { fence } = lock;
    expect(fence).toBe(harness.clock.now() * 1_000);
    harness.clock.advance(10);
    await lock.extend();
    await lock.release();
    expect(lock.fence).toBe(fence);
    expect((await held()).fence).toBeGreaterThan(fence);
  });

  it('is an error where the hold has none', async () => {
    const { driver, clock } = harness;
    const unfenced = interceptedDriver(driver, {
      acquire: (claim) => driver.acquire({ ...claim, fence: 'none' }),
    });
    const lock = await held(harnessOn(unfenced, clock));
    expect(() => lock.fence).toThrow(expect.objectContaining({ code: 'E_LOCK_MISUSE' }));
  });
});

describe('how long a handle may be relied on', () => {
  it('is until its time is over, and not a millisecond longer', async () => {
    const lock = await held();
    harness.clock.advance(TTL_MS - 1);
    expect([lock.isHeld, lock.remainingMs]).toEqual([true, 1]);
    expect(() => lock.assertHeld()).not.toThrow();
    harness.clock.advance(1);
    expect([lock.isHeld, lock.remainingMs]).toEqual([false, 0]);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'E_LOCK_LOST' }));
  });

  it('counts from before the request was sent', async () => {
    const { clock, driver } = harness;
    const slow = interceptedDriver(driver, {
      acquire: async (claim) => {
        clock.advance(300);
        const answer = await driver.acquire(claim);
        clock.advance(300);
        return answer;
      },
      extend: async (ref, ttlMs) => {
        clock.advance(100);
        return driver.extend(ref, ttlMs);
      },
    });
    const lock = await held(harnessOn(slow, clock));
    expect(lock.remainingMs).toBe(TTL_MS - 600);
    await lock.extend(2_000);
    expect(lock.remainingMs).toBe(2_000 - 100);
  });

  it('does not change when the wall clock is set', async () => {
    const lock = await held();
    harness.clock.set(0);
    expect(lock.remainingMs).toBe(TTL_MS);
    harness.clock.set(harness.clock.now() + 10 * TTL_MS);
    expect(lock.isHeld).toBe(true);
  });

  it('ends when the lock is given back, from the moment it is', async () => {
    const lock = await held();
    const releasing = lock.release();
    expect(lock.isHeld).toBe(false);
    await releasing;
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'E_LOCK_LOST' }));
    expect(harness.names()).toEqual(['lock.acquired', 'lock.released']);
  });
});

describe('extend', () => {
  it('starts the time over, by default the one it was acquired with', async () => {
    const lock = await held();
    harness.clock.advance(600);
    expect(await lock.extend()).toBe('extended');
    expect(lock.remainingMs).toBe(TTL_MS);
    expect(await harness.locks.extend(lock, { ttl: '5s' })).toBe('extended');
    expect(lock.remainingMs).toBe(5_000);
    expect(await harness.locks.extend(lock)).toBe('extended');
    expect(lock.remainingMs).toBe(5_000);
  });

  it('does not bring back what is over', async () => {
    const lock = await held();
    harness.clock.advance(TTL_MS);
    expect(await lock.extend()).toBe('lost');
    expect(lock.isHeld).toBe(false);
    expect(await lock.release()).toBe('lost');
    expect(harness.names()).toEqual(['lock.acquired', 'lock.lost']);
  });

  it('does not bring back what was over when the answer came', async () => {
    const { clock, driver } = harness;
    const slow = interceptedDriver(driver, {
      extend: async (ref, ttlMs) => {
        const answer = await driver.extend(ref, ttlMs);
        clock.advance(TTL_MS);
        return answer;
      },
    });
    const lock = await held(harnessOn(slow, clock));
    expect(await lock.extend('1h')).toBe('lost');
    expect(lock.isHeld).toBe(false);
    await lock.release();
    expect(await driver.list(1)).toEqual([]);
  });

  it('says when the lock was taken away', async () => {
    const lock = await held();
    await harness.locks.forceRelease('job');
    expect(lock.isHeld).toBe(true);
    expect(await lock.extend()).toBe('lost');
    expect(lock.isHeld).toBe(false);
    expect(harness.names()).toEqual(['lock.acquired', 'lock.force-released', 'lock.lost']);
  });

  it('changes nothing when Redis does not answer', async () => {
    const down = interceptedDriver(harness.driver, {
      extend: () => Promise.reject(new LockBackendDownError()),
    });
    const lock = await held(harnessOn(down, harness.clock));
    await expect(lock.extend('1h')).rejects.toMatchObject({ code: 'E_LOCK_BACKEND_DOWN' });
    expect(lock.remainingMs).toBe(TTL_MS);
  });

  it('refuses a wrong ttl', async () => {
    const lock = await held();
    await expect(lock.extend(0)).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option: 'ttl' });
    expect(lock.isHeld).toBe(true);
  });
});

describe('release', () => {
  it('gives the same answer again, and asks once', async () => {
    const lock = await held();
    expect(await Promise.all([lock.release(), harness.locks.release(lock)])).toEqual([
      'released',
      'released',
    ]);
    await harness.locks.acquire('job', { ttl: 1 });
    expect(await lock.release()).toBe('released');
    expect(await harness.locks.list(1)).toHaveLength(1);
  });

  it('by a stale owner leaves the new hold as it is', async () => {
    const stale = await held();
    harness.clock.advance(TTL_MS);
    const fresh = await held();
    expect(await stale.release()).toBe('lost');
    expect(await fresh.extend()).toBe('extended');
  });

  it('that did not get through can be tried again', async () => {
    let isDown = true;
    const down = interceptedDriver(harness.driver, {
      release: (ref) =>
        isDown ? Promise.reject(new LockBackendDownError()) : harness.driver.release(ref),
    });
    const lock = await held(harnessOn(down, harness.clock));
    await expect(lock.release()).rejects.toMatchObject({ code: 'E_LOCK_BACKEND_DOWN' });
    expect(lock.isHeld).toBe(false);
    isDown = false;
    expect(await lock.release()).toBe('released');
  });

  it('says how long it was held', async () => {
    const lock = await held();
    harness.clock.advance(250);
    await lock.release();
    expect(harness.events.at(-1)).toEqual(['lock.released', { key: 'job', heldMs: 250 }]);
  });
});

describe('await using', () => {
  it('gives the lock back at the end of the block', async () => {
    {
      await using lock = await held();
      expect(lock.isHeld).toBe(true);
    }
    expect(await harness.locks.list(1)).toEqual([]);
  });

  it('gives the lock back when the block throws', async () => {
    const block = async (): Promise<void> => {
      await using _lock = await held();
      throw new RangeError('boom');
    };
    await expect(block()).rejects.toThrow('boom');
    expect(await harness.locks.list(1)).toEqual([]);
  });

  it('rejects when the lock was lost before the end of the block', async () => {
    const block = async (): Promise<void> => {
      await using _lock = await held();
      harness.clock.advance(TTL_MS);
    };
    await expect(block()).rejects.toMatchObject({ code: 'E_LOCK_LOST' });
  });

  it('leaves alone what was given back before the end of the block', async () => {
    {
      await using lock = await held();
      await lock.release();
      await held();
    }
    expect(await harness.locks.list(1)).toHaveLength(1);
  });
});

describe('a lock that is entered again', () => {
  const AGAIN = { ttl: TTL_MS, mode: 'fail' } as const;

  it('is the same hold: nobody is asked, and fence and signal are the same', async () => {
    const asked: string[] = [];
    const { driver, clock } = harness;
    const { locks, names } = harnessOn(
      interceptedDriver(driver, {
        acquire: (claim, wait) => {
          asked.push(claim.key);
          return driver.acquire(claim, wait);
        },
        release: (ref) => {
          asked.push(`-${ref.key}`);
          return driver.release(ref);
        },
      }),
      clock,
    );
    const outer = await locks.acquire('job', { ttl: TTL_MS });
    const inner = await locks.withLock('job', { ...AGAIN, within: outer }, async (lock) => {
      expect([lock.isHeld, lock.key, lock.fence]).toEqual([true, 'job', outer.fence]);
      expect(lock.signal).toBe(outer.signal);
      expect(await locks.tryAcquire('job', { ttl: TTL_MS, within: lock })).toBeDefined();
      return lock;
    });
    expect([inner.isHeld, outer.isHeld, outer.signal.aborted]).toEqual([false, true, false]);
    expect([asked, names()]).toEqual([['job'], ['lock.acquired']]);
  });

  it('is given back when all its handles were released, in whatever order', async () => {
    const { locks, driver } = harness;
    for (const isOuterFirst of [true, false]) {
      const outer = await held();
      const inner = await locks.acquire('job', { ...AGAIN, within: outer });
      const [first, last] = isOuterFirst ? [outer, inner] : [inner, outer];
      expect(await first.release()).toBe('released');
      expect(await first.release()).toBe('released');
      expect([first.isHeld, first.remainingMs, last.isHeld]).toEqual([false, 0, true]);
      expect(await first.extend()).toBe('lost');
      expect(() => first.assertHeld()).toThrow(expect.objectContaining({ code: 'E_LOCK_LOST' }));
      await expect(locks.acquire('job', AGAIN)).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
      expect(last.isHeld).toBe(true);
      expect(await last.release()).toBe('released');
      expect(await driver.list(1)).toEqual([]);
    }
    const released = harness.names().filter((name) => name === 'lock.released');
    expect(released).toHaveLength(2);
  });

  it('is lost for all its handles, which is told once', async () => {
    const { locks, clock } = harness;
    const outer = await held();
    const inner = await locks.acquire('job', { ...AGAIN, within: outer });
    clock.advance(TTL_MS);
    expect([inner.isHeld, outer.isHeld, inner.signal.aborted]).toEqual([false, false, true]);
    expect([await inner.release(), await outer.release()]).toEqual(['lost', 'lost']);
    expect(harness.names().filter((name) => name === 'lock.lost')).toHaveLength(1);
    const work = locks.withLock('job', AGAIN, async (lock) => {
      await locks.withLock('job', { ...AGAIN, within: lock }, () => clock.advance(TTL_MS));
    });
    await expect(work).rejects.toMatchObject({ code: 'E_LOCK_LOST' });
  });

  it('is refused within a lock that was lost or released', async () => {
    const { locks, clock } = harness;
    const lost = await held();
    clock.advance(TTL_MS);
    const released = await held();
    await released.release();
    for (const key of ['job', 'another']) {
      const [one, other] = [lost, released].map((within) =>
        locks.tryAcquire(key, { ttl: TTL_MS, within }),
      );
      await expect(one).rejects.toMatchObject({ code: 'E_LOCK_LOST' });
      await expect(other).rejects.toMatchObject({ code: 'E_LOCK_MISUSE', option: 'within' });
    }
    const wrong = { ttl: TTL_MS, within: { isHeld: true } } as never;
    await expect(locks.acquire('job', wrong)).rejects.toMatchObject({ code: 'E_LOCK_MISUSE' });
    expect(await locks.list(1)).toEqual([]);
  });

  it('is refused within a lock of another service, which keeps its own', async () => {
    const [theirs, key] = [lockHarness(), 'job'];
    const within = await held(theirs);
    for (const asked of [key, 'another']) {
      await expect(harness.locks.acquire(asked, { ttl: TTL_MS, within })).rejects.toMatchObject({
        code: 'E_LOCK_MISUSE',
        option: 'within',
      });
    }
    expect([within.isHeld, await harness.locks.list(1)]).toEqual([true, []]);
    expect(await within.release()).toBe('released');
    expect(await theirs.locks.list(1)).toEqual([]);
  });

  it('may be one of several keys; a lock that is not held by it is acquired as ever', async () => {
    const { locks } = harness;
    await using outer = await locks.acquire(['a', 'b'], { ttl: TTL_MS });
    const within = { ...AGAIN, within: outer };
    const inner = await locks.acquire('b', within);
    expect([inner.keys, inner.fence]).toEqual([['b'], outer.fenceOf('b')]);
    expect((await locks.acquire(['b', 'a'], within)).keys).toEqual(['a', 'b']);
    const other = await locks.acquire('c', within);
    expect(await other.release()).toBe('released');
    const partly = { code: 'E_LOCK_MISUSE', option: 'within', message: /"c", "d"/ };
    const refused = locks.acquire(['a', 'c', 'd'], within);
    await expect(refused).rejects.toMatchObject({
      ...partly,
      message: expect.stringMatching(partly.message) as unknown,
    });
    expect((await locks.list(9)).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('whose release got no answer is given back when that is tried again', async () => {
    const { driver, clock } = harness;
    let isAway = true;
    const { locks } = harnessOn(
      interceptedDriver(driver, {
        release: async (ref) => {
          if (isAway) throw new LockBackendDownError();
          return driver.release(ref);
        },
      }),
      clock,
    );
    const outer = await locks.acquire('job', { ttl: TTL_MS });
    const inner = await locks.acquire('job', { ...AGAIN, within: outer });
    expect(await inner.release()).toBe('released');
    await expect(outer.release()).rejects.toMatchObject({ code: 'E_LOCK_BACKEND_DOWN' });
    expect([outer.isHeld, inner.isHeld]).toEqual([false, false]);
    isAway = false;
    expect(await outer.release()).toBe('released');
    expect(await driver.list(1)).toEqual([]);
  });
});

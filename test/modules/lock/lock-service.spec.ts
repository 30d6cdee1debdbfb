import { SystemClock } from '../../../src/common/time/index.js';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import type { LockClaim } from '../../../src/modules/lock/index.js';
import { LockBackendDownError } from '../../../src/modules/lock/lock.errors.js';
import { eventually } from '../../support/eventually.js';
import { harnessOn, interceptedDriver, type LockHarness, lockHarness } from './lock-harness.js';

const TTL = { ttl: '30s' } as const;

let harness: LockHarness;

beforeEach(() => {
  harness = lockHarness();
});

describe('tryAcquire', () => {
  it('gives a handle of a free lock, and nothing of a held one', async () => {
    const lock = await harness.locks.tryAcquire('job', TTL);
    expect(lock).toMatchObject({ key: 'job', isHeld: true, remainingMs: 30_000 });
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await harness.locks.list(10)).toMatchObject([{ key: 'job', owner: 'me' }]);
  });

  it('gives every claim a token of its own that cannot be guessed', async () => {
    const claims: LockClaim[] = [];
    const driver = interceptedDriver(harness.driver, {
      acquire: (claim) => {
        claims.push(claim);
        return harness.driver.acquire(claim);
      },
    });
    const { locks } = harnessOn(driver, harness.clock);
    await locks.tryAcquire('one', TTL);
    await locks.tryAcquire('other', TTL);
    const tokens = claims.map(({ token }) => token);
    expect(new Set(tokens).size).toBe(2);
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(16);
  });

  it('does not hand out a grant that was over before it arrived', async () => {
    const { clock, driver } = harness;
    const slow = interceptedDriver(driver, {
      acquire: async (claim) => {
        const answer = await driver.acquire(claim);
        clock.advance(40);
        return answer;
      },
    });
    const { locks, names } = harnessOn(slow, clock);
    expect(await locks.tryAcquire('job', { ttl: 40 })).toBeUndefined();
    expect(names()).toEqual([]);
    expect(await locks.tryAcquire('job', { ttl: 41 })).toMatchObject({ remainingMs: 1 });
  });
});

describe('acquire', () => {
  it('without a wait says at once that the lock is busy, and for how long', async () => {
    await harness.locks.acquire('job', TTL);
    await expect(harness.locks.acquire('job', TTL)).rejects.toMatchObject({
      code: 'E_LOCK_BUSY',
      key: 'job',
      remainingMs: 30_000,
    });
    await expect(harness.locks.acquire('job', { ...TTL, wait: 0 })).rejects.toMatchObject({
      code: 'E_LOCK_BUSY',
    });
    expect(harness.names()).toEqual(['lock.acquired']);
  });

  it.each<readonly [option: string, options: object]>([
    ['ttl', {}],
    ['ttl', { ttl: 0 }],
    ['ttl', { ttl: -1 }],
    ['ttl', { ttl: 'soon' }],
    ['ttl', { ttl: 0.5 }],
    ['wait', { ttl: 1, wait: -1 }],
    ['wait', { ttl: 1, wait: 'long' }],
    ['signal', { ttl: 1, signal: 'stop' }],
    ['weight', { ttl: 1, weight: 1 }],
  ])('refuses a wrong %s in %j', async (option, options) => {
    const refusal = { code: 'E_LOCK_MISUSE', option };
    await expect(harness.locks.acquire('job', options as never)).rejects.toMatchObject(refusal);
    await expect(
      harness.locks.withLock('job', options as never, () => undefined),
    ).rejects.toMatchObject(refusal);
    expect(await harness.locks.list(1)).toEqual([]);
  });

  it.each(['', 'k'.repeat(1_025)])('refuses the key %j', async (key) => {
    const refusal = { code: 'E_LOCK_MISUSE', option: 'key' };
    await expect(harness.locks.acquire(key, TTL)).rejects.toMatchObject(refusal);
    await expect(harness.locks.tryAcquire(key, TTL)).rejects.toMatchObject(refusal);
    await expect(harness.locks.forceRelease(key)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'key',
    });
  });
});

describe('list', () => {
  it.each([0, -1, 1.5, NaN])('refuses a limit of %p', async (limit) => {
    await expect(harness.locks.list(limit)).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'limit',
    });
  });
});

describe('withLock', () => {
  it('runs the function alone and gives its value', async () => {
    const value = await harness.locks.withLock('job', TTL, async (lock) => {
      expect(lock.isHeld).toBe(true);
      await expect(harness.locks.acquire('job', TTL)).rejects.toMatchObject({
        code: 'E_LOCK_BUSY',
      });
      return 42;
    });
    expect(value).toBe(42);
    expect(await harness.locks.list(1)).toEqual([]);
    expect(harness.names()).toEqual(['lock.acquired', 'lock.released']);
  });

  it('gives the lock back when the function throws, at once or later', async () => {
    const boom = new RangeError('boom');
    const fail = (): never => {
      throw boom;
    };
    await expect(harness.locks.withLock('job', TTL, fail)).rejects.toBe(boom);
    await expect(harness.locks.withLock('job', TTL, async () => fail())).rejects.toBe(boom);
    expect(await harness.locks.list(1)).toEqual([]);
  });

  it('rejects when the lock was lost before the function ended', async () => {
    const work = harness.locks.withLock('job', TTL, () => harness.clock.advance(30_000));
    await expect(work).rejects.toMatchObject({ code: 'E_LOCK_LOST', key: 'job' });
    expect(harness.names()).toEqual(['lock.acquired', 'lock.lost']);
  });

  it('an error of the function says more than the loss of the lock', async () => {
    const work = harness.locks.withLock('job', TTL, () => {
      harness.clock.advance(30_000);
      throw new RangeError('boom');
    });
    await expect(work).rejects.toThrow('boom');
    expect(harness.names()).toEqual(['lock.acquired', 'lock.lost']);
  });

  it('leaves the lock alone that the function gave back itself', async () => {
    await harness.locks.withLock('job', TTL, async (lock) => {
      await lock.release();
      await harness.locks.acquire('job', TTL);
    });
    expect(await harness.locks.list(2)).toHaveLength(1);
  });

  it('succeeds when Redis went away after the work was done in time', async () => {
    const down = interceptedDriver(harness.driver, {
      release: () => Promise.reject(new LockBackendDownError()),
    });
    const { locks } = harnessOn(down, harness.clock);
    await expect(locks.withLock('one', TTL, () => 1)).resolves.toBe(1);
    const late = locks.withLock('other', TTL, () => harness.clock.advance(30_000));
    await expect(late).rejects.toMatchObject({ code: 'E_LOCK_LOST' });
  });
});

describe('waiting', () => {
  const clock = new SystemClock();

  it('gets the lock when the holder gives it back', async () => {
    const { locks, names, events } = harnessOn(new MemoryLockDriver(clock), clock);
    const first = await locks.acquire('job', TTL);
    const second = locks.acquire('job', { ...TTL, wait: '5s' });
    await new Promise((resolve) => setImmediate(resolve));
    await first.release();
    expect((await second).isHeld).toBe(true);
    expect(names()).toEqual(['lock.acquired', 'lock.released', 'lock.acquired', 'lock.waited']);
    expect(events.at(-1)?.[1]).toMatchObject({ key: 'job', outcome: 'acquired' });
  });

  it('gets the lock when the hold of somebody who died is over', async () => {
    const { locks, driver } = harnessOn(new MemoryLockDriver(clock), clock);
    await driver.acquire({ key: 'job', token: 'of a process that died', ttlMs: 30, owner: 'it' });
    await expect(locks.acquire('job', { ...TTL, wait: '5s' })).resolves.toMatchObject({
      isHeld: true,
    });
  });

  it('ends with an error when the lock stays busy', async () => {
    const { locks, events } = harnessOn(new MemoryLockDriver(clock), clock);
    await locks.acquire('job', TTL);
    const startedAt = performance.now();
    await expect(locks.acquire('job', { ...TTL, wait: 50 })).rejects.toMatchObject({
      code: 'E_LOCK_WAIT_TIMEOUT',
      key: 'job',
      waitMs: 50,
    });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(50);
    expect(events.at(-1)).toMatchObject(['lock.waited', { key: 'job', outcome: 'timeout' }]);
  });

  it('ends with the reason of the signal, and takes nothing', async () => {
    const { locks, events } = harnessOn(new MemoryLockDriver(clock), clock);
    const held = await locks.acquire('job', TTL);
    const aborted = new AbortController();
    const waiting = locks.acquire('job', { ...TTL, wait: '5s', signal: aborted.signal });
    const reason = new Error('no longer needed');
    setImmediate(() => aborted.abort(reason));
    await expect(waiting).rejects.toBe(reason);
    expect(events.at(-1)).toMatchObject(['lock.waited', { outcome: 'failed' }]);
    await held.release();
    await expect(locks.acquire('job', { ...TTL, signal: aborted.signal })).rejects.toBe(reason);
    expect(await locks.list(1)).toEqual([]);
  });

  it('gives back what was granted while the signal was given', async () => {
    const memory = new MemoryLockDriver(clock);
    const aborted = new AbortController();
    const reason = new Error('no longer needed');
    const driver = interceptedDriver(memory, {
      acquire: async (claim) => {
        const answer = await memory.acquire(claim);
        aborted.abort(reason);
        return answer;
      },
    });
    const { locks, names } = harnessOn(driver, clock);
    await expect(locks.acquire('job', { ...TTL, signal: aborted.signal })).rejects.toBe(reason);
    expect([await memory.list(1), names()]).toEqual([[], []]);
  });

  it('ends at once when Redis goes away', async () => {
    const memory = new MemoryLockDriver(clock);
    let calls = 0;
    const driver = interceptedDriver(memory, {
      acquire: async (claim) => {
        calls += 1;
        if (calls > 2) throw new LockBackendDownError();
        return memory.acquire(claim);
      },
    });
    const { locks } = harnessOn(driver, clock);
    await locks.acquire('job', TTL);
    const waiting = locks.acquire('job', { ...TTL, wait: '1h' });
    await expect(waiting).rejects.toMatchObject({ code: 'E_LOCK_BACKEND_DOWN' });
  });

  it('goes on when a grant was over before it arrived, with another token', async () => {
    const memory = new MemoryLockDriver(clock);
    const tokens = new Set<string>();
    const driver = interceptedDriver(memory, {
      acquire: async (claim) => {
        tokens.add(claim.token);
        if (tokens.size === 1) return { outcome: 'busy', remainingMs: 0 };
        const answer = await memory.acquire({ ...claim, ttlMs: 60_000 });
        if (answer.outcome === 'busy' || tokens.size > 2) return answer;
        return { outcome: 'acquired', grant: { remainingMs: 0, fence: 1, stands: () => true } };
      },
    });
    const { locks } = harnessOn(driver, clock);
    const lock = await locks.acquire('job', { ...TTL, wait: '5s' });
    expect([lock.isHeld, tokens.size]).toEqual([true, 3]);
  });

  it('asks a busy lock seldom', async () => {
    const memory = new MemoryLockDriver(clock);
    let calls = 0;
    const driver = interceptedDriver(memory, {
      acquire: (claim) => {
        calls += 1;
        return memory.acquire(claim);
      },
    });
    const { locks } = harnessOn(driver, clock);
    await locks.acquire('job', TTL);
    await expect(locks.acquire('job', { ...TTL, wait: 300 })).rejects.toThrow();
    expect(calls).toBeLessThanOrEqual(14);
    // But again and again: how often within a time, a slow machine decides.
    const stop = new AbortController();
    const waiting = locks.acquire('job', { ...TTL, wait: '1h', signal: stop.signal });
    const before = calls;
    await eventually(() => calls > before + 3);
    stop.abort(new Error('no longer needed'));
    await expect(waiting).rejects.toThrow('no longer needed');
  });
});

describe('a great many who wait for permits in memory', () => {
  const of = 1_000;
  const claimOfOne = (take: number, index = -1) => {
    const token = `t${index}`;
    return { key: 'job', token, ttlMs: 60_000, owner: 'me', permits: { take, of } };
  };

  it('are served up to 128 in one step, in order, for a few looks at the clock each', async () => {
    const { clock, driver } = lockHarness();
    const writer = claimOfOne(of);
    await driver.acquire(writer);
    const waiting = Array.from({ length: 400 }, (_, index) =>
      driver.acquire(claimOfOne(1, index), { waitMs: 60_000 }),
    );
    const looks = jest.spyOn(clock, 'monotonic');
    await driver.release(writer);
    // All but the first of its holds are those that were served.
    const [first] = await driver.list(1);
    expect(first?.queue.map(({ tokenPrefix }) => tokenPrefix)[0]).toBe('t128');
    for (const answer of await Promise.all(waiting)) {
      expect(answer).toMatchObject({ outcome: 'acquired' });
    }
    expect(looks.mock.calls.length).toBeLessThan(20_000);
  });
});

import { SystemClock } from '../../../src/common/time/index.js';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import { currentLock, type LockHandle } from '../../../src/modules/lock/index.js';
import { LockBackendDownError } from '../../../src/modules/lock/lock.errors.js';
import { eventually } from '../../support/eventually.js';
import { harnessOn, interceptedDriver, type LockHarness, lockHarness } from './lock-harness.js';

const TTL = { ttl: '30s' } as const;
const MISUSE = 'E_LOCK_MISUSE';

let harness: LockHarness;

beforeEach(() => {
  harness = lockHarness();
});

afterEach(() => harness.locks.onApplicationShutdown());

describe('the mode of a busy lock', () => {
  it('skip leaves the work out', async () => {
    const { locks } = harness;
    const held = await locks.acquire('job', TTL);
    const work = jest.fn(() => 'done');
    expect(await locks.withLock('job', { ...TTL, mode: 'skip' }, work)).toBeUndefined();
    expect(work).not.toHaveBeenCalled();
    await held.release();
    expect(await locks.withLock('job', { ...TTL, mode: 'skip' }, work)).toBe('done');
  });

  it('fail is an error at once, and what is done without a wait', async () => {
    const { locks } = harness;
    await locks.acquire('job', TTL);
    for (const options of [TTL, { ...TTL, mode: 'fail' as const }]) {
      await expect(locks.acquire('job', options)).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    }
  });

  it('wait waits, and is what is done with a wait', async () => {
    const { locks, clock } = harness;
    await locks.acquire('job', { ...TTL, maxHold: '30s' });
    const options = { ...TTL, mode: 'wait', wait: '1m' } as const;
    const waiting = locks.acquire('job', options);
    await eventually(async () => (await locks.list(1))[0]?.queue.length === 1);
    clock.advance(30_000);
    expect((await waiting).isHeld).toBe(true);
  });

  it.each<readonly [option: string, options: object]>([
    ['wait', { mode: 'wait' }],
    ['wait', { mode: 'fail', wait: '1s' }],
    ['wait', { mode: 'skip', wait: '1s' }],
    ['mode', { mode: 'maybe' }],
    ['maxHold', { maxHold: '1s' }],
    ['maxHold', { maxHold: 0 }],
    ['beatWithin', { beatWithin: 'often' }],
    ['holdAtLeast', { holdAtLeast: '31s' }],
    ['holdAtLeast', { holdAtLeast: -1 }],
    ['fence', { fence: 'none' }],
  ])('a wrong %s in %j is refused', async (option, options) => {
    const wrong = { ...TTL, ...options } as never;
    const refusal = { code: MISUSE, option };
    await expect(harness.locks.withLock('job', wrong, () => 1)).rejects.toMatchObject(refusal);
    expect(await harness.locks.list(1)).toEqual([]);
  });

  it('skip is not for acquire, which always gives a lock', async () => {
    await harness.locks.acquire('job', TTL);
    const skip = harness.locks.acquire('job', { ...TTL, mode: 'skip' } as never);
    await expect(skip).rejects.toMatchObject({ code: MISUSE, option: 'mode' });
  });
});

describe('several keys', () => {
  it('are held together, extended together and given back together', async () => {
    const { locks, clock } = harness;
    const lock = await locks.acquire(['b', 'a'], TTL);
    expect([lock.keys, lock.key, lock.isHeld]).toEqual([['a', 'b'], 'a,b', true]);
    clock.advance(20_000);
    expect(await lock.extend()).toBe('extended');
    expect(lock.remainingMs).toBe(30_000);
    expect((await locks.list(10)).map(({ key }) => key)).toEqual(['a', 'b']);
    expect(await lock.release()).toBe('released');
    expect(await locks.list(10)).toEqual([]);
    expect(harness.names()).toEqual(['lock.acquired', 'lock.released']);
  });

  it('are none where one is busy', async () => {
    const { locks } = harness;
    await locks.acquire('b', TTL);
    await expect(locks.acquire(['a', 'b'], TTL)).rejects.toMatchObject({ code: 'E_LOCK_BUSY' });
    expect(await locks.tryAcquire(['b', 'a'], TTL)).toBeUndefined();
    expect((await locks.list(10)).map(({ key }) => key)).toEqual(['b']);
  });

  it('are lost together when one of them is', async () => {
    const { locks } = harness;
    const lock = await locks.acquire(['a', 'b'], TTL);
    await locks.forceRelease('b');
    expect(await lock.extend()).toBe('lost');
    expect(lock.isHeld).toBe(false);
    expect(await lock.release()).toBe('lost');
    expect(await locks.list(10)).toEqual([]);
  });

  it('have a fence each', async () => {
    const lock = await harness.locks.acquire(['a', 'b'], TTL);
    expect(lock.fenceOf('b')).toBeGreaterThan(lock.fenceOf('a'));
    const misuse = expect.objectContaining({ code: MISUSE }) as Error;
    expect(() => lock.fence).toThrow(misuse);
    expect(() => lock.fenceOf('c')).toThrow(misuse);
  });

  it.each([[[]], [['a', 'a']], [['a', '']], [undefined], [42]])('%j are refused', async (keys) => {
    const refusal = { code: MISUSE, option: 'key' };
    await expect(harness.locks.acquire(keys as never, TTL)).rejects.toMatchObject(refusal);
  });

  it('are held for their whole time also where some were waited for', async () => {
    const { locks, clock } = harness;
    const held = await locks.acquire('b', TTL);
    const options = { ttl: '10s', maxHold: '10s', wait: '1m' } as const;
    const waiting = locks.acquire(['a', 'b'], options);
    await eventually(async () => (await locks.list(10)).length === 2);
    clock.advance(5_000);
    await held.release();
    const lock = await waiting;
    expect([lock.isHeld, lock.keys]).toEqual([true, ['a', 'b']]);
    await lock.release();
  });

  describe('that are waited for', () => {
    const clock = new SystemClock();

    it('are taken one after the other, and those held are extended meanwhile', async () => {
      const { locks } = harnessOn(new MemoryLockDriver(clock), clock);
      const held = await locks.acquire('b', TTL);
      const waiting = locks.acquire(['a', 'b'], { ttl: 200, wait: '20s' });
      await eventually(async () => {
        const listed = await locks.list(10);
        expect(listed.find(({ key }) => key === 'a')?.heldMs).toBeGreaterThan(300);
      });
      await held.release();
      expect([(await waiting).keys, (await waiting).isHeld]).toEqual([['a', 'b'], true]);
      expect(await (await waiting).release()).toBe('released');
    });

    it('are given back when the time is over, or the signal comes', async () => {
      const { locks, names } = harnessOn(new MemoryLockDriver(clock), clock);
      const held = await locks.acquire('b', TTL);
      const timeout = locks.acquire(['a', 'b'], { ...TTL, wait: 30 });
      await expect(timeout).rejects.toMatchObject({ code: 'E_LOCK_WAIT_TIMEOUT', key: 'a,b' });
      const stop = new AbortController();
      const options = { ...TTL, wait: '1h', signal: stop.signal } as const;
      const aborted = locks.acquire(['a', 'b'], options);
      await eventually(async () => (await locks.list(10)).length === 2);
      stop.abort(new Error('no longer needed'));
      await expect(aborted).rejects.toThrow('no longer needed');
      expect((await locks.list(10)).map(({ key }) => key)).toEqual(['b']);
      await held.release();
      expect(names().filter((name) => name === 'lock.acquired')).toHaveLength(1);
    });

    it('never wait for each other, in whatever order they are given', async () => {
      const { locks } = harnessOn(new MemoryLockDriver(clock), clock);
      const options = { ...TTL, wait: '20s' } as const;
      const orders = [['a', 'b', 'c'], ['c', 'b', 'a'], ['b', 'c'], ['c', 'a'], ['a']];
      let inside = 0;
      const work = orders
        .flatMap((keys) => [keys, keys])
        .map(async (keys) => {
          await locks.withLock([...keys, 'z'], options, async () => {
            inside += 1;
            await Promise.resolve();
            expect(inside).toBe(1);
            inside -= 1;
          });
        });
      await Promise.all(work);
    });
  });
});

describe('the current lock', () => {
  it('is that of the innermost work, and nothing outside', async () => {
    const { locks } = harness;
    const seen: (LockHandle | undefined)[] = [currentLock()];
    await locks.withLock('outer', TTL, async (outer) => {
      await locks.withLock('inner', TTL, async (inner) => {
        await Promise.resolve();
        expect(currentLock()).toBe(inner);
      });
      expect(currentLock()).toBe(outer);
      seen.push(outer);
    });
    seen.push(currentLock());
    expect(seen.map((lock) => lock?.key)).toEqual([undefined, 'outer', undefined]);
  });
});

describe('a lock that is to be held at least for a time', () => {
  it('keeps others from doing the work again', async () => {
    const { locks, clock } = harness;
    const job = { ...TTL, mode: 'skip', holdAtLeast: '30s' } as const;
    const work = jest.fn(() => true);
    expect(await locks.withLock('job', job, work)).toBe(true);
    clock.advance(29_999);
    expect(await locks.withLock('job', job, work)).toBeUndefined();
    clock.advance(1);
    expect(await locks.withLock('job', job, work)).toBe(true);
    expect(work).toHaveBeenCalledTimes(2);
  });
});

it('a lock that nobody was given is free at once, whatever it was to be held for', async () => {
  const clock = new SystemClock();
  const { locks } = harnessOn(new MemoryLockDriver(clock), clock);
  await locks.acquire('b', TTL);
  const timeout = locks.acquire(['a', 'b'], { ...TTL, holdAtLeast: '30s', wait: 20 });
  await expect(timeout).rejects.toMatchObject({ code: 'E_LOCK_WAIT_TIMEOUT' });
  expect((await locks.list(10)).map(({ key }) => key)).toEqual(['b']);
});

it('options that are missing are a misuse', async () => {
  const refusal = { code: MISUSE, option: 'options' };
  await expect(harness.locks.acquire('job', undefined as never)).rejects.toMatchObject(refusal);
});

it('what a function gets of a lock may be taken out of it', async () => {
  const work = harness.locks.withLock('job', TTL, async ({ signal, fence, assertHeld, extend }) => {
    assertHeld();
    return [signal.aborted, fence > 0, await extend()];
  });
  expect(await work).toEqual([false, true, 'extended']);
});

describe('a lock without a fence', () => {
  it('has none', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, fence: false });
    expect(() => lock.fence).toThrow(expect.objectContaining({ code: MISUSE }));
    expect(await harness.locks.list(1)).toMatchObject([{ fence: undefined }]);
  });
});

describe('taking a lock away', () => {
  it('is told with who did it, and what was taken', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    harness.clock.advance(250);
    const by = { by: 'operator' };
    const others = { ...by, fence: lock.fence + 1 };
    expect(await harness.locks.forceRelease('job', others)).toBeUndefined();
    expect(await harness.locks.forceRelease('job', { ...by, fence: lock.fence })).toBeDefined();
    expect(await harness.locks.forceRelease('job', by)).toBeUndefined();
    const told = harness.events.filter(([name]) => name === 'lock.force-released');
    const { fence } = lock;
    const payload = { key: 'job', owner: 'me', heldMs: 250, fence, by: 'operator' };
    expect(told).toEqual([['lock.force-released', payload]]);
  });
});

it('several keys that cannot be asked for leave nothing behind', async () => {
  const { driver, clock } = harness;
  const down = interceptedDriver(driver, {
    acquireAll: () => Promise.reject(new LockBackendDownError()),
  });
  const { locks } = harnessOn(down, clock);
  const refusal = { code: 'E_LOCK_BACKEND_DOWN' };
  await expect(locks.acquire(['a', 'b'], { ...TTL, wait: '1h' })).rejects.toMatchObject(refusal);
  expect(await driver.list(1)).toEqual([]);
});

describe('permits of a key', () => {
  const PERMITS = { ...TTL, permits: { of: 3 } } as const;

  it('are held by as many as there are, in all forms', async () => {
    const { locks, names } = harness;
    const first = await locks.acquire('job', PERMITS);
    await locks.withLock('job', { ...TTL, permits: { take: 2, of: 3 } }, async (second) => {
      expect(second.fence).toBeGreaterThan(first.fence);
      expect(await locks.tryAcquire('job', PERMITS)).toBeUndefined();
      const busy = locks.acquire('job', PERMITS);
      await expect(busy).rejects.toMatchObject({ code: 'E_LOCK_BUSY', remainingMs: 30_000 });
      expect(await locks.list(10)).toMatchObject([
        { permits: { take: 1, of: 3 } },
        { permits: { take: 2, of: 3 } },
      ]);
    });
    expect(await first.release()).toBe('released');
    expect(await locks.list(1)).toEqual([]);
    expect(names().filter((name) => name === 'lock.released')).toHaveLength(2);
  });

  it('are leased: extended as any hold, and lost alone when their time is over', async () => {
    const { locks, clock } = harness;
    const [first, second] = [
      await locks.acquire('job', PERMITS),
      await locks.acquire('job', PERMITS),
    ];
    clock.advance(20_000);
    expect(await second.extend()).toBe('extended');
    clock.advance(10_000);
    expect([first.isHeld, second.isHeld, first.signal.aborted]).toEqual([false, true, true]);
    expect([await first.release(), await second.release()]).toEqual(['lost', 'released']);
  });

  it('are waited for', async () => {
    const { locks } = harness;
    const all = await locks.acquire('job', { ...TTL, permits: { take: 3, of: 3 } });
    const waiting = [1, 2].map(() => locks.acquire('job', { ...PERMITS, wait: '1m' }));
    await eventually(async () => (await locks.list(1))[0]?.queue.length === 2);
    await all.release();
    for (const lock of await Promise.all(waiting)) expect(lock.isHeld).toBe(true);
  });

  it.each<readonly [option: string, options: object]>([
    ['permits', { permits: 3 }],
    ['permits.of', { permits: {} }],
    ['permits.of', { permits: { of: 0 } }],
    ['permits.of', { permits: { of: 1_000_001 } }],
    ['permits.take', { permits: { of: 3, take: 4 } }],
    ['permits.take', { permits: { of: 3, take: 0 } }],
    ['permits.take', { permits: { of: 3, take: 1.5 } }],
    ['permits.max', { permits: { of: 3, max: 3 } }],
    ['shared', { shared: true, permits: { of: 3 } }],
    ['shared', { shared: 'yes' }],
    ['holdAtLeast', { permits: { of: 3 }, holdAtLeast: '1s' }],
    ['holdAtLeast', { shared: true, holdAtLeast: '1s' }],
  ])('a wrong %s in %j is refused', async (option, options) => {
    const refused = harness.locks.acquire('job', { ...TTL, ...options } as never);
    await expect(refused).rejects.toMatchObject({ code: MISUSE, option });
  });

  it('are of one key, and of one kind of lock', async () => {
    const { locks } = harness;
    await expect(locks.acquire(['a', 'b'], PERMITS)).rejects.toMatchObject({ code: MISUSE });
    await locks.acquire(['job'], PERMITS);
    for (const other of [TTL, { ...TTL, shared: true }, { ...TTL, permits: { of: 4 } }]) {
      await expect(locks.tryAcquire('job', other)).rejects.toMatchObject({ code: MISUSE });
    }
  });

  it('are entered again within a hold of as many', async () => {
    const { locks } = harness;
    const within = await locks.acquire('job', { ...TTL, permits: { take: 2, of: 3 } });
    const inner = await locks.acquire('job', { ...PERMITS, within });
    expect([inner.fence, (await locks.list(9)).length]).toEqual([within.fence, 1]);
    const others = [{ permits: { take: 3, of: 3 } }, { permits: { of: 2 } }, { shared: true }, {}];
    for (const other of others) {
      const refused = locks.acquire('job', { ...TTL, ...other, within });
      await expect(refused).rejects.toMatchObject({ code: MISUSE, option: 'within' });
    }
  });
});

describe('a read/write lock', () => {
  const READ = { ...TTL, shared: true } as const;
  const WRITE = { ...TTL, shared: false } as const;

  it('is held by many who read, or by one who writes', async () => {
    const { locks } = harness;
    const readers = [await locks.acquire('book', READ), await locks.acquire('book', READ)];
    expect(await locks.tryAcquire('book', WRITE)).toBeUndefined();
    for (const reader of readers) await reader.release();
    await locks.withLock('book', WRITE, async (writer) => {
      expect(await locks.tryAcquire('book', READ)).toBeUndefined();
      expect(await locks.tryAcquire('book', WRITE)).toBeUndefined();
      const inner = await locks.tryAcquire('book', { ...READ, within: writer });
      expect(await inner?.release()).toBe('released');
    });
    const reader = await locks.acquire('book', READ);
    const upgrade = locks.acquire('book', { ...WRITE, within: reader });
    await expect(upgrade).rejects.toMatchObject({ code: MISUSE, option: 'within' });
  });

  it('does not let those who come to read pass one who waits to write', async () => {
    const { locks } = harness;
    const reader = await locks.acquire('book', READ);
    const order: string[] = [];
    const writing = locks.withLock('book', { ...WRITE, wait: '1m' }, () => order.push('write'));
    await eventually(async () => (await locks.list(1))[0]?.queue.length === 1);
    expect(await locks.tryAcquire('book', READ)).toBeUndefined();
    const reading = locks.withLock('book', { ...READ, wait: '1m' }, () => order.push('read'));
    await reader.release();
    await Promise.all([writing, reading]);
    expect(order).toEqual(['write', 'read']);
  });
});

import { currentLock, type LockDriver, type LockHandle } from '../../../src/modules/lock/index.js';
import { LockBackendDownError } from '../../../src/modules/lock/lock.errors.js';
import { harnessOn, interceptedDriver, type LockHarness, lockHarness } from './lock-harness.js';

const TTL_MS = 3_000;
const TTL = { ttl: TTL_MS } as const;
const STEP_MS = 10;

let harness: LockHarness;
let extended: string[];

/** On a driver whose extensions a test sees, and may replace. */
function build(extend?: LockDriver['extend']): void {
  const { driver, clock } = lockHarness();
  extended = [];
  const seen = interceptedDriver(driver, {
    extend: (ref, ttlMs) => {
      extended.push(ref.key);
      return (extend ?? ((asked, ms) => driver.extend(asked, ms)))(ref, ttlMs);
    },
  });
  harness = harnessOn(seen, clock);
}

/** Time goes by, for the clock and for timers. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    harness.clock.advance(STEP_MS);
    await jest.advanceTimersByTimeAsync(STEP_MS);
  }
}

beforeEach(() => {
  jest.useFakeTimers();
  build();
});

afterEach(() => {
  harness.locks.onApplicationShutdown();
  jest.useRealTimers();
});

describe('a hold', () => {
  it('is extended by itself, three times in its time to live, until it is released', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    await pass(10 * TTL_MS);
    expect(lock.isHeld).toBe(true);
    expect(extended.length).toBeGreaterThanOrEqual(29);
    expect(extended.length).toBeLessThanOrEqual(31);
    expect(await lock.release()).toBe('released');
    extended.length = 0;
    await pass(2 * TTL_MS);
    expect(extended).toEqual([]);
  });

  it.each<readonly [form: string, take: (locks: LockHarness['locks']) => Promise<unknown>]>([
    ['tryAcquire', (locks) => locks.tryAcquire('job', TTL)],
    ['acquire', (locks) => locks.acquire('job', TTL)],
    ['a wait', (locks) => locks.acquire('job', { ...TTL, wait: 1 })],
    ['several keys', (locks) => locks.acquire(['job', 'other'], TTL)],
  ])('of %s is extended by itself', async (_form, take) => {
    const lock = (await take(harness.locks)) as LockHandle;
    await pass(2 * TTL_MS);
    expect(lock.isHeld).toBe(true);
  });

  it('of withLock is extended while the function runs', async () => {
    const work = harness.locks.withLock('job', TTL, async ({ signal }) => {
      await pass(2 * TTL_MS);
      return signal.aborted;
    });
    expect(await work).toBe(false);
  });

  it('is extended together with others that may be', async () => {
    await harness.locks.acquire('one', TTL);
    await pass(400);
    await harness.locks.acquire('other', TTL);
    await pass(700);
    expect(extended).toEqual(['one', 'other']);
  });

  it('is not extended any more after its longest time, and lost at its end', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, maxHold: 5_000 });
    await pass(4_900);
    expect([lock.isHeld, lock.remainingMs]).toEqual([true, 100]);
    await pass(100);
    expect(lock.isHeld).toBe(false);
    expect(harness.events.at(-1)).toEqual(['lock.lost', { key: 'job', heldMs: 5_000 }]);
    expect(await harness.driver.list(1)).toEqual([]);
  });

  it('with a longest time of its time to live is never extended by itself', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, maxHold: TTL_MS });
    await pass(TTL_MS);
    expect([extended, lock.isHeld]).toEqual([[], false]);
  });

  it('may be extended by hand beyond its longest time', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, maxHold: 4_000 });
    expect(await lock.extend(10_000)).toBe('extended');
    await pass(9_900);
    expect(lock.isHeld).toBe(true);
    await pass(200);
    expect(lock.isHeld).toBe(false);
  });

  it('that needs beats is lost by a holder that gives none', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, beatWithin: 5_000 });
    for (let beats = 0; beats < 4; beats += 1) {
      await pass(4_000);
      expect(lock.isHeld).toBe(true);
      lock.beat();
    }
    await pass(4_900);
    expect(lock.isHeld).toBe(true);
    await pass(100 + TTL_MS);
    expect(lock.isHeld).toBe(false);
    lock.beat();
    expect(lock.isHeld).toBe(false);
    expect(harness.names().at(-1)).toBe('lock.lost');
  });

  it('is extended again by a beat that comes just before its end', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, beatWithin: TTL_MS });
    await pass(TTL_MS + 1_000);
    lock.beat();
    await pass(TTL_MS);
    expect(lock.isHeld).toBe(true);
    await pass(TTL_MS);
    expect(lock.isHeld).toBe(false);
  });

  it('is not extended for beats of a handle that was released', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, beatWithin: TTL_MS });
    const inner = await harness.locks.acquire('job', { ...TTL, within: lock });
    await inner.release();
    for (let beats = 0; beats < 3; beats += 1) {
      inner.beat();
      await pass(TTL_MS);
    }
    expect(lock.isHeld).toBe(false);
  });

  it('is not extended more often for many beats', async () => {
    const lock = await harness.locks.acquire('job', { ...TTL, beatWithin: 500 });
    for (let beats = 0; beats < 600; beats += 1) {
      lock.beat();
      await pass(STEP_MS);
    }
    expect(lock.isHeld).toBe(true);
    expect(extended.length).toBeLessThanOrEqual(6);
  });

  it('that was taken away is lost when it is extended', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    const aborted = jest.fn();
    lock.signal.addEventListener('abort', aborted);
    await harness.driver.forceRelease('job');
    await pass(TTL_MS / 2);
    expect([lock.isHeld, aborted.mock.calls.length, harness.names().at(-1)]).toEqual([
      false,
      1,
      'lock.lost',
    ]);
  });
});

describe('an extension that gets no answer', () => {
  it('is tried again within the time to live', async () => {
    let failures = 3;
    const { driver, clock } = lockHarness();
    const flaky = interceptedDriver(driver, {
      extend: (ref, ttlMs) => {
        failures -= 1;
        if (failures >= 0) return Promise.reject(new LockBackendDownError());
        return driver.extend(ref, ttlMs);
      },
    });
    harness = harnessOn(flaky, clock);
    const lock = await harness.locks.acquire('job', TTL);
    await pass(2 * TTL_MS);
    expect([failures < 0, lock.isHeld]).toEqual([true, true]);
  });

  it('leaves the hold to its time, after which it is lost; nothing is left unhandled', async () => {
    build(() => Promise.reject(new LockBackendDownError()));
    const lock = await harness.locks.acquire('job', TTL);
    const { signal } = lock;
    await pass(TTL_MS - STEP_MS);
    expect([lock.isHeld, signal.aborted]).toEqual([true, false]);
    await pass(STEP_MS);
    expect([lock.isHeld, signal.aborted]).toEqual([false, true]);
    expect(signal.reason).toMatchObject({ code: 'E_LOCK_LOST', key: 'job' });
    const tries = extended.length;
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(30);
    await pass(TTL_MS);
    expect(extended).toHaveLength(tries);
  });

  it('that failed for another reason is told, and tried again', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    build(() => Promise.reject(new RangeError('a bug')));
    await harness.locks.acquire('job', TTL);
    await pass(TTL_MS / 2);
    expect(extended.length).toBeGreaterThan(1);
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('a bug'), 'BackplaneLockWarning');
    warned.mockRestore();
  });
});

it('a hold does not keep the context in which the first one was taken', async () => {
  const seen: (string | undefined)[] = [];
  await harness.locks.withLock('outer', TTL, async () => {
    const other = await harness.locks.acquire('other', { ...TTL, maxHold: TTL_MS });
    other.signal.addEventListener('abort', () => seen.push(currentLock()?.key));
  });
  await pass(TTL_MS);
  expect(seen).toEqual([undefined]);
});

describe('the signal of a hold', () => {
  it('is aborted by its time, also where no timer could run', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    const { signal } = lock;
    const aborted = jest.fn();
    signal.addEventListener('abort', aborted);
    // The process was stopped: its clock went on, and none of its timers.
    harness.clock.advance(TTL_MS);
    expect(() => signal.throwIfAborted()).toThrow(expect.objectContaining({ code: 'E_LOCK_LOST' }));
    expect([signal.aborted, aborted.mock.calls.length]).toEqual([true, 1]);
    expect(signal.reason).toMatchObject({ code: 'E_LOCK_LOST' });
    expect(harness.names()).toEqual(['lock.acquired', 'lock.lost']);
  });

  it('is the same for as long as the handle lives, and a signal for everybody', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    expect(lock.signal).toBe(lock.signal);
    expect(lock.signal).toBeInstanceOf(AbortSignal);
    const any = AbortSignal.any([lock.signal]);
    expect(lock.signal.reason).toBeUndefined();
    harness.clock.advance(TTL_MS);
    expect(lock.signal.aborted).toBe(true);
    expect(any.aborted).toBe(true);
  });

  it('is not aborted by the release', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    const { signal } = lock;
    await lock.release();
    await pass(2 * TTL_MS);
    expect(signal.aborted).toBe(false);
    expect(() => signal.throwIfAborted()).not.toThrow();
  });
});

it('a shut-down application extends nothing any more', async () => {
  const lock = await harness.locks.acquire('job', TTL);
  harness.locks.onApplicationShutdown();
  await pass(TTL_MS);
  expect([extended, lock.isHeld]).toEqual([[], false]);
});

import { RedisUnavailableError } from '../../../src/common/redis/index.js';
import type { RedisGate } from '../../../src/common/redis/gate.js';
import type { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { claimOf, type FakeRedis, openFailover } from './failover-fixture.js';
import type { LockHarness } from './lock-harness.js';

const TTL = { ttl: '30s' } as const;
const DOWN = { code: 'E_LOCK_BACKEND_DOWN' };

// What a test hands to the background takes these as they are in it: it may outlive the test.
let gate: RedisGate;
let redis: FakeRedis;
let clock: FakeClock;
let harness: LockHarness;
let goAway: () => void;
let comeBack: () => Promise<void>;

async function build(onRedisDown: 'closed' | 'memory'): Promise<void> {
  ({ gate, redis, clock, harness, goAway, comeBack } = await openFailover(onRedisDown));
}

const unavailable = (reason: 'deadline' | 'overloaded') => () => {
  throw new RedisUnavailableError(reason);
};

afterEach(() => gate.stop());

describe.each(['closed', 'memory'] as const)('waiting for a lock (%s)', (policy) => {
  beforeEach(() => build(policy));

  it.each([
    ['the first', 0],
    ['a later', 1],
  ])('goes on after %s try got no answer', async (_which, busyTries) => {
    const other = await redis.kept.acquire(claimOf('other'));
    expect(other.outcome).toBe('acquired');
    let tries = 0;
    const fake = redis;
    fake.before = () => {
      tries += 1;
      if (tries <= busyTries) return;
      fake.before = () => void fake.kept.forceRelease('job');
      throw new RedisUnavailableError('deadline');
    };
    const lock = await harness.locks.acquire('job', { ...TTL, wait: '5s' });
    expect(lock.isHeld).toBe(true);
  });

  it('releases first what a try was granted whose answer was lost', async () => {
    redis.after = () => {
      redis.after = () => undefined;
      throw new RedisUnavailableError('deadline');
    };
    const lock = await harness.locks.acquire('job', { ...TTL, wait: '5s' });
    expect(redis.calls).toEqual(['acquire job', 'release job', 'acquire job']);
    await comeBack();
    expect(await lock.extend()).toBe('extended');
  });

  it('ends with E_LOCK_BACKEND_DOWN where no try was answered', async () => {
    const time = clock;
    redis.before = () => {
      time.advance(30);
      throw new RedisUnavailableError('deadline');
    };
    await expect(harness.locks.acquire('job', { ...TTL, wait: 50 })).rejects.toMatchObject(DOWN);
    expect(redis.calls.length).toBeGreaterThan(1);
    expect(harness.events.at(-1)).toMatchObject(['lock.waited', { outcome: 'failed' }]);
  });

  it('ends with E_LOCK_WAIT_TIMEOUT where one found it busy', async () => {
    const [fake, time] = [redis, clock];
    await fake.kept.acquire(claimOf('other'));
    fake.before = () => {
      if (fake.calls.length > 1) throw new RedisUnavailableError('deadline');
      time.advance(30);
    };
    const waiting = harness.locks.acquire('job', { ...TTL, wait: 50 });
    await eventually(() => redis.calls.length > 2);
    clock.advance(50);
    await expect(waiting).rejects.toMatchObject({
      code: 'E_LOCK_WAIT_TIMEOUT',
      cause: expect.objectContaining(DOWN) as unknown,
    });
  });
});

it('a wait for a closed lock ends when Redis goes away', async () => {
  await build('closed');
  await redis.kept.acquire(claimOf('other'));
  const waiting = harness.locks.acquire('job', { ...TTL, wait: '1h' });
  const goAwayAtOnce = goAway;
  redis.before = () => {
    goAwayAtOnce();
    throw new RedisUnavailableError('connection');
  };
  await expect(waiting).rejects.toMatchObject(DOWN);
});

describe('locks that are closed while Redis is away', () => {
  beforeEach(() => build('closed'));

  it('refuse everything, and ask nothing of Redis', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    redis.calls.length = 0;
    const { locks } = harness;
    await expect(locks.tryAcquire('other', TTL)).rejects.toMatchObject(DOWN);
    await expect(locks.acquire('other', { ...TTL, wait: '1h' })).rejects.toMatchObject(DOWN);
    await expect(locks.withLock('other', TTL, () => 1)).rejects.toMatchObject(DOWN);
    await expect(locks.list(10)).rejects.toMatchObject(DOWN);
    await expect(locks.forceRelease('job')).rejects.toMatchObject(DOWN);
    await expect(lock.extend()).rejects.toMatchObject(DOWN);
    await expect(lock.release()).rejects.toMatchObject(DOWN);
    expect(redis.calls).toEqual([]);
  });

  it('let a holder rely on its lock until its time is over', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    expect(lock.remainingMs).toBe(30_000);
    await comeBack();
    expect(await lock.extend()).toBe('extended');
  });

  it('make up for a release when Redis is back', async () => {
    const work = harness.locks.withLock('job', TTL, goAway);
    await expect(work).resolves.toBeUndefined();
    expect(await redis.kept.list(1)).toHaveLength(1);
    await comeBack();
    await eventually(async () => expect(await redis.kept.list(1)).toEqual([]));
  });

  it.each(['tryAcquire', 'acquire'] as const)(
    'give back what %s was granted when the answer was lost',
    async (method) => {
      redis.after = unavailable('deadline');
      await expect(harness.locks[method]('job', TTL)).rejects.toMatchObject(DOWN);
      expect(await redis.kept.list(1)).toHaveLength(1);
      redis.after = () => undefined;
      await eventually(async () => expect(await redis.kept.list(1)).toEqual([]));
    },
  );

  it('give nothing back any more once the application was shut down', async () => {
    jest.useFakeTimers();
    try {
      redis.after = unavailable('deadline');
      await expect(harness.locks.acquire('job', TTL)).rejects.toMatchObject(DOWN);
      gate.stop();
      redis.calls.length = 0;
      await jest.advanceTimersByTimeAsync(10_000);
      expect(redis.calls).toEqual([]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('give nothing back for a claim that was never sent', async () => {
    redis.before = unavailable('overloaded');
    await expect(harness.locks.acquire('job', TTL)).rejects.toMatchObject(DOWN);
    redis.before = () => undefined;
    goAway();
    await comeBack();
    await harness.locks.list(1);
    expect(redis.calls).toEqual(['acquire job', 'list']);
  });

  it('go on trying to give back while Redis comes and goes', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    await expect(lock.release()).rejects.toMatchObject(DOWN);
    redis.before = unavailable('deadline');
    await comeBack();
    expect(redis.calls.at(-1)).toBe('release job');
    redis.before = () => undefined;
    await eventually(async () => expect(await redis.kept.list(1)).toEqual([]));
  });
});

describe('locks of a single process while Redis is away', () => {
  beforeEach(() => build('memory'));

  it('are granted here, one holder at a time', async () => {
    goAway();
    const { locks } = harness;
    const lock = await locks.acquire('job', TTL);
    expect(await locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await locks.list(10)).toMatchObject([{ key: 'job' }]);
    expect(await lock.extend('1h')).toBe('extended');
    expect(await lock.release()).toBe('released');
    expect(await locks.tryAcquire('job', TTL)).toMatchObject({ isHeld: true });
    expect(redis.calls).toEqual([]);
  });

  it('keep out others from what this process held before', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await lock.extend()).toBe('extended');
    expect(await lock.release()).toBe('released');
    expect(await harness.locks.tryAcquire('job', TTL)).toMatchObject({ isHeld: true });
  });

  it('that Redis granted before are held through, also into the next outage', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    goAway();
    await comeBack();
    expect(lock.isHeld).toBe(true);
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
    goAway();
    expect(await harness.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await lock.release()).toBe('released');
    await comeBack();
    await eventually(async () => expect(await redis.kept.list(1)).toEqual([]));
  });

  it('are refused to a single call that failed while Redis serves others', async () => {
    redis.before = unavailable('deadline');
    await expect(harness.locks.acquire('job', TTL)).rejects.toMatchObject(DOWN);
    redis.before = () => undefined;
    expect(await harness.locks.tryAcquire('job', TTL)).toMatchObject({ isHeld: true });
  });

  it('know what was given back later than it was asked', async () => {
    const lock = await harness.locks.acquire('job', TTL);
    redis.before = unavailable('deadline');
    await expect(lock.release()).rejects.toMatchObject(DOWN);
    redis.before = () => undefined;
    await eventually(async () => expect(await redis.kept.list(1)).toEqual([]));
    goAway();
    expect(await harness.locks.tryAcquire('job', TTL)).toMatchObject({ isHeld: true });
  });

  it('know what was taken away, extended and released before', async () => {
    const { locks } = harness;
    await locks.acquire('taken', TTL);
    await locks.forceRelease('taken');
    const released = await locks.acquire('released', TTL);
    await released.release();
    const extended = await locks.acquire('extended', { ttl: '1s' });
    await extended.extend('1h');
    goAway();
    clock.advance(2_000);
    expect(await locks.tryAcquire('taken', TTL)).toMatchObject({ isHeld: true });
    expect(await locks.tryAcquire('released', TTL)).toMatchObject({ isHeld: true });
    expect(await locks.tryAcquire('extended', TTL)).toBeUndefined();
    expect((await locks.list(10)).map(({ owner }) => owner)).toEqual(['me', 'me', 'me']);
  });
});

describe.each(['closed', 'memory'] as const)('permits while Redis is away (%s)', (policy) => {
  const PERMITS = { ...TTL, permits: { of: 2 } } as const;
  beforeEach(() => build(policy));

  it('are closed, because no process knows how many are left; what is held lasts', async () => {
    const [lock, given] = [
      await harness.locks.acquire('job', PERMITS),
      await harness.locks.acquire('job', PERMITS),
    ];
    goAway();
    for (const wait of [{}, { wait: '1h' } as const]) {
      const refused = harness.locks.acquire('job', { ...PERMITS, ...wait });
      await expect(refused).rejects.toMatchObject(DOWN);
    }
    await expect(lock.extend()).rejects.toMatchObject(DOWN);
    await expect(given.release()).rejects.toMatchObject(DOWN);
    expect(lock.isHeld).toBe(true);
    await comeBack();
    await eventually(async () => (await redis.kept.list(9)).length === 1);
    expect(await lock.extend()).toBe('extended');
    expect(await harness.locks.tryAcquire('job', PERMITS)).toBeDefined();
    expect(await harness.locks.tryAcquire('job', PERMITS)).toBeUndefined();
  });

  it('whose grant got no answer are given back', async () => {
    redis.after = () => {
      redis.after = () => undefined;
      throw new RedisUnavailableError('deadline');
    };
    const all = { ...TTL, permits: { take: 2, of: 2 }, wait: '5s' } as const;
    expect((await harness.locks.acquire('job', all)).isHeld).toBe(true);
    expect(redis.calls).toEqual(['acquire job', 'release job', 'acquire job']);
  });
});

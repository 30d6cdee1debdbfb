import { EventStream } from '../../../src/common/events/index.js';
import { RedisGate } from '../../../src/common/redis/gate.js';
import { type FailoverDriver, RedisUnavailableError } from '../../../src/common/redis/index.js';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import type { LockClaim, LockDriver, LockRef } from '../../../src/modules/lock/index.js';
import { lockFailover } from '../../../src/modules/lock/lock.driver-provider.js';
import { resolveLockOptions } from '../../../src/modules/lock/lock.options.js';
import { FakeClock } from '../../../src/testing/index.js';
import { eventually } from '../../support/eventually.js';
import { harnessOn, type LockHarness } from './lock-harness.js';

const HOUR = 3_600_000;
const TTL = { ttl: '30s' } as const;
const DOWN = { code: 'E_LOCK_BACKEND_DOWN' };

/** A Redis in a box: it keeps what it was told, also while it cannot be reached. */
class FakeRedis implements LockDriver {
  readonly kept: MemoryLockDriver;
  readonly calls: string[] = [];
  /** Runs before and after every call; throws what the caller is to get. */
  before: () => void = () => undefined;
  after: () => void = () => undefined;

  constructor(clock: FakeClock) {
    this.kept = new MemoryLockDriver(clock);
  }

  acquire = async (claim: LockClaim) => {
    const answer = await this.#pass(`acquire ${claim.key}`, () => this.kept.acquire(claim));
    if (answer.outcome === 'busy') return answer;
    return { ...answer, grant: { ...answer.grant, stands: () => true } };
  };
  extend = async (ref: LockRef, ttlMs: number) => {
    const answer = await this.#pass(`extend ${ref.key}`, () => this.kept.extend(ref, ttlMs));
    if (answer.outcome === 'lost') return answer;
    return { ...answer, grant: { ...answer.grant, stands: () => true } };
  };
  release = (ref: LockRef) => this.#pass(`release ${ref.key}`, () => this.kept.release(ref));
  forceRelease = (key: string) => this.#pass(`force ${key}`, () => this.kept.forceRelease(key));
  list = (limit: number) => this.#pass('list', () => this.kept.list(limit));

  async #pass<T>(call: string, run: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    this.before();
    const answer = await run();
    this.after();
    return answer;
  }
}

let gate: RedisGate;
let redis: FakeRedis;
let clock: FakeClock;
let failover: FailoverDriver<LockDriver>;
let harness: LockHarness;

async function build(onRedisDown: 'closed' | 'memory'): Promise<void> {
  const link = {
    isReady: () => true,
    destroySockets: () => undefined,
    dropStuckSockets: () => undefined,
    probe: async () => undefined,
  };
  // Probes are the tests' own: a long interval keeps the gate from asking by itself.
  const bounds = { failureThreshold: 100, probeIntervalMs: HOUR, maxInFlight: 1_000 };
  gate = new RedisGate({ connection: 'default', ...bounds }, link, new EventStream());
  clock = new FakeClock();
  redis = new FakeRedis(clock);
  const options = resolveLockOptions({ onRedisDown });
  failover = lockFailover(redis, { gate, options, clock });
  harness = harnessOn(failover.driver, clock);
  await comeBack();
}

const goAway = (): void => gate.linkDown('test');

async function comeBack(): Promise<void> {
  gate.linkUp();
  await eventually(() => failover.active === 'primary');
}

const unavailable = (reason: 'deadline' | 'overloaded') => () => {
  throw new RedisUnavailableError(reason);
};

function claimOf(token: string): LockClaim {
  return { key: 'job', token, ttlMs: HOUR, owner: token };
}

/** That every try fails, after it ran where `after` says so, until so many have. */
function failFirst(count: number, when: 'before' | 'after'): void {
  let left = count;
  redis[when] = () => {
    left -= 1;
    if (left === 0) redis[when] = () => undefined;
    throw new RedisUnavailableError('deadline');
  };
}

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
    redis.before = () => {
      tries += 1;
      if (tries <= busyTries) return;
      redis.before = () => void redis.kept.forceRelease('job');
      throw new RedisUnavailableError('deadline');
    };
    const lock = await harness.locks.acquire('job', { ...TTL, wait: '5s' });
    expect(lock.isHeld).toBe(true);
  });

  it('releases first what a try was granted whose answer was lost', async () => {
    failFirst(1, 'after');
    const lock = await harness.locks.acquire('job', { ...TTL, wait: '5s' });
    expect(redis.calls).toEqual(['acquire job', 'release job', 'acquire job']);
    await comeBack();
    expect(await lock.extend()).toBe('extended');
  });

  it('ends with E_LOCK_BACKEND_DOWN where no try was answered', async () => {
    redis.before = () => {
      clock.advance(30);
      throw new RedisUnavailableError('deadline');
    };
    await expect(harness.locks.acquire('job', { ...TTL, wait: 50 })).rejects.toMatchObject(DOWN);
    expect(redis.calls.length).toBeGreaterThan(1);
    expect(harness.events.at(-1)).toMatchObject(['lock.waited', { outcome: 'failed' }]);
  });

  it('ends with E_LOCK_WAIT_TIMEOUT where one found it busy', async () => {
    await redis.kept.acquire(claimOf('other'));
    redis.before = () => {
      if (redis.calls.length > 1) throw new RedisUnavailableError('deadline');
      clock.advance(30);
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
  redis.before = () => {
    goAway();
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

  it('are not believed to be held on Redis when it is back', async () => {
    goAway();
    const lock = await harness.locks.acquire('job', TTL);
    expect(lock.isHeld).toBe(true);
    await comeBack();
    expect([lock.isHeld, lock.remainingMs]).toEqual([false, 0]);
    expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'E_LOCK_LOST' }));
    expect(await lock.extend()).toBe('lost');
    const other = await harness.locks.acquire('job', TTL);
    expect(await lock.release()).toBe('lost');
    expect(other.isHeld).toBe(true);
    expect(harness.names()).toEqual(['lock.acquired', 'lock.lost', 'lock.acquired']);
  });

  it('are not held again in the next outage', async () => {
    goAway();
    const lock = await harness.locks.acquire('job', TTL);
    await comeBack();
    goAway();
    expect(lock.isHeld).toBe(false);
    expect(await lock.release()).toBe('lost');
  });

  it('end a block with an error when Redis came back meanwhile', async () => {
    goAway();
    await expect(harness.locks.withLock('job', TTL, comeBack)).rejects.toMatchObject({
      code: 'E_LOCK_LOST',
    });
  });

  it('that were extended here are as little held on Redis as those granted here', async () => {
    const lock = await harness.locks.acquire('job', { ttl: '10s' });
    goAway();
    await lock.extend('1h');
    await comeBack();
    expect(lock.isHeld).toBe(false);
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

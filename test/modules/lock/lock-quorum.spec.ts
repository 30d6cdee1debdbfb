import { AGREE } from '../../../src/modules/lock/drivers/scripts/lock-agree.lua.js';
import { RELEASE } from '../../../src/modules/lock/drivers/scripts/lock-release.lua.js';
import type { LockHandle } from '../../../src/modules/lock/index.js';
import { eventually } from '../../support/eventually.js';
import type { RedisProcess } from '../../support/redis/redis-process.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';
import { claimOf } from './failover-fixture.js';
import {
  openQuorumLocks,
  type QuorumFixtureOptions,
  type QuorumLocks,
  startMasters,
} from './quorum-fixture.js';

const TTL = { ttl: '1h' } as const;
const DOWN = { code: 'E_LOCK_BACKEND_DOWN' };

const masters = useStarted(startMasters);
const opened: QuorumLocks[] = [];
let prefix: string;

beforeEach(() => {
  prefix = uniquePrefix();
});

afterEach(async () => {
  for (const locks of opened.splice(0)) locks.close();
  for (const server of masters().servers) {
    if (server.isRunning) server.thaw();
    else await server.restart();
  }
});

/** Locks of one more process. */
async function open(options: Partial<QuorumFixtureOptions> = {}): Promise<QuorumLocks> {
  const locks = await openQuorumLocks(masters().nodes, { prefix, ...options });
  opened.push(locks);
  return locks;
}

function server(index: number): RedisProcess {
  const found = masters().servers[index];
  if (found === undefined) throw new Error(`there is no master ${index}`);
  return found;
}

/** Fence of the hold on one master; `undefined` where it holds nothing. */
async function heldOn(index: number, key = 'job'): Promise<string | undefined> {
  const lock = `${prefix}:lock:v1:{${key}}`;
  return queryRedis(
    server(index).url,
    async (client) => (await client.hget(lock, 'fence')) ?? undefined,
  );
}

async function heldOnAll(): Promise<readonly (string | undefined)[]> {
  return Promise.all([0, 1, 2].map((index) => heldOn(index)));
}

/** Resolves once the quorum does without so many. */
async function countsOn(locks: QuorumLocks, reachable: number): Promise<void> {
  await eventually(async () => (await locks.reachable()) === reachable);
}

describe('a lock on three masters of which one', () => {
  it('is killed goes on: held, extended, released, and taken again', async () => {
    const [one, other] = [await open(), await open()];
    const lock = await one.locks.acquire('job', TTL);
    await server(0).kill();
    await countsOn(one, 2);
    expect(await other.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await lock.extend('2h')).toBe('extended');
    expect(await one.locks.list(10)).toMatchObject([{ key: 'job' }]);
    expect(await lock.release()).toBe('released');
    const next = await other.locks.acquire('job', TTL);
    expect(next.fence).toBeGreaterThan(lock.fence);
    expect(await next.release()).toBe('released');
  });

  it('was killed before does not keep an application from starting', async () => {
    await server(2).kill();
    const { locks } = await open({ bootTimeout: 100 });
    const done = () => locks.withLock('job', TTL, () => 'done');
    expect(await eventually(done)).toBe('done');
  });

  it('is frozen holds nobody up, and what it grants late is part of the hold', async () => {
    const { locks } = await open({ deadline: '1m' });
    server(1).freeze();
    const lock = await locks.acquire('job', TTL);
    expect(await lock.extend('2h')).toBe('extended');
    server(1).thaw();
    await eventually(async () => (await heldOn(1)) === String(lock.fence));
    expect(await lock.release()).toBe('released');
    await eventually(async () => (await heldOnAll()).every((fence) => fence === undefined));
  });

  it('is frozen for longer than a call may take keeps nothing that it was told', async () => {
    const { locks, reachable } = await open({ deadline: 300 });
    const held = await locks.acquire('job', TTL);
    server(1).freeze();
    const other = await eventually(() => locks.acquire('other', TTL));
    await eventually(async () => {
      await other.extend();
      return (await reachable()) === 2;
    });
    expect(await held.release()).toBe('released');
    server(1).thaw();
    await eventually(async () => (await heldOn(1)) === undefined);
    await eventually(async () => (await heldOn(1, 'other')) === undefined);
    expect(await other.release()).toBe('released');
  });

  it('comes back empty is not asked to hold it again, and the majority goes on', async () => {
    const [one, other] = [await open(), await open()];
    const lock = await one.locks.acquire('job', TTL);
    await server(0).restart();
    await countsOn(one, 3);
    await countsOn(other, 3);
    expect(await lock.extend('2h')).toBe('extended');
    expect(await other.locks.tryAcquire('job', TTL)).toBeUndefined();
    expect(await lock.extend('3h')).toBe('extended');
    await eventually(async () => (await heldOn(0)) === undefined);
    expect(await lock.release()).toBe('released');
    const next = await other.locks.acquire('job', TTL);
    expect(next.fence).toBeGreaterThan(lock.fence);
  });
});

describe('a lock on three masters of which two', () => {
  it('are killed is refused, and works again once they are back', async () => {
    const one = await open();
    const lock = await one.locks.acquire('job', TTL);
    await Promise.all([server(0).kill(), server(1).kill()]);
    await countsOn(one, 1);
    const outage = { ...DOWN, scope: 'outage' };
    await expect(one.locks.acquire('job', { ...TTL, wait: '1h' })).rejects.toMatchObject(outage);
    await expect(lock.extend()).rejects.toMatchObject(outage);
    expect(lock.isHeld).toBe(true);
    await expect(one.locks.list(1)).rejects.toMatchObject(outage);
    await server(0).restart();
    await countsOn(one, 2);
    const next = await eventually(() => one.locks.acquire('other', TTL));
    expect(await next.release()).toBe('released');
  });

  it('come back empty is lost for its holder, and nothing of it is left', async () => {
    const one = await open();
    const lock = await one.locks.acquire('job', TTL);
    for (const index of [0, 1]) await server(index).restart();
    await countsOn(one, 3);
    expect(await eventually(() => lock.extend())).toBe('lost');
    expect(lock.isHeld).toBe(false);
    await eventually(async () => (await heldOn(2)) === undefined);
  });

  it('do not answer is refused within the deadline, and released once they do', async () => {
    const { locks } = await open({ deadline: 300 });
    const lock = await locks.acquire('job', TTL);
    for (const index of [0, 1]) server(index).freeze();
    await expect(locks.tryAcquire('other', TTL)).rejects.toMatchObject(DOWN);
    await expect(lock.release()).rejects.toMatchObject(DOWN);
    for (const index of [0, 1]) server(index).thaw();
    await eventually(async () => (await heldOnAll()).every((fence) => fence === undefined));
    await eventually(async () => (await heldOn(2, 'other')) === undefined);
    const next = await eventually(() => locks.acquire('job', TTL));
    expect(next.fence).toBeGreaterThan(lock.fence);
  });

  it('are away is kept by the process where the policy is memory, and taken over to them', async () => {
    const one = await open({ onRedisDown: 'memory' });
    const kept = await one.locks.acquire('job', TTL);
    for (const index of [0, 1]) await server(index).kill();
    await countsOn(one, 1);
    const local = await one.locks.acquire('local', TTL);
    expect(await one.locks.tryAcquire('job', TTL)).toBeUndefined();
    for (const index of [0, 1]) await server(index).restart();
    const other = await open();
    await eventually(async () => (await other.locks.list(10)).length === 2);
    expect([kept.isHeld, local.isHeld]).toEqual([true, true]);
    expect(await kept.release()).toBe('released');
    expect(await local.release()).toBe('released');
  });
});

describe('a fence on three masters', () => {
  it('is greater than that of a hold whose fence only a lost master gave', async () => {
    const one = await open();
    const ahead = Date.now() * 1_000 + 3_600_000_000;
    const fences = `${prefix}:lock:v1:{job}:fence`;
    await queryRedis(server(0).url, (client) => client.set(fences, ahead, 'PX', 3_600_000));
    await server(2).kill();
    await countsOn(one, 2);
    const first = await one.locks.acquire('job', TTL);
    expect(first.fence).toBe(ahead + 1);
    expect(await heldOn(1)).toBe(String(first.fence));
    await first.release();
    await server(2).restart();
    await countsOn(one, 3);
    await server(0).kill();
    await countsOn(one, 2);
    const second = await one.locks.acquire('job', TTL);
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await second.extend('2h')).toBe('extended');
  });

  it('is that of the hold on all of them, of each of several keys', async () => {
    const { locks } = await open();
    const lock = await locks.acquire(['job', 'other'], TTL);
    for (const key of ['job', 'other']) {
      const fence = String(lock.fenceOf(key));
      await eventually(async () => {
        for (const index of [0, 1, 2]) expect(await heldOn(index, key)).toBe(fence);
      });
    }
    expect(await lock.release()).toBe('released');
  });

  it.each([
    [true, 8],
    [false, 6],
  ])('asked for: %p, a section is %p commands on three masters', async (fence, commands) => {
    const { locks } = await open();
    const section = () => locks.withLock('job', { ...TTL, fence }, () => undefined);
    // One to have what was sent before answered, two for what that makes a client send.
    const settled = async (): Promise<number> => {
      for (const _ of [1, 2, 3]) await locks.forceRelease('nobody');
      return scriptCalls();
    };
    await section();
    await settled();
    const before = await settled();
    await section();
    const spent = (await settled()) - before - 9;
    // One less for each master that came to the same fence by itself, one more for a late grant.
    const least = fence ? commands - 2 : commands;
    expect([spent >= least, spent <= commands + 1]).toEqual([true, true]);
  });

  it('is not taken by a token that does not hold the lock there', async () => {
    const { locks } = await open();
    const lock = await locks.acquire('job', TTL);
    const keys = ['', ':fence'].map((suffix) => `${prefix}:lock:v1:{job}${suffix}`);
    const args = [Number.MAX_SAFE_INTEGER, '', 'somebody else', lock.fence + 1];
    const answer = await queryRedis(server(0).url, (client) =>
      client.eval(AGREE.source, keys.length, ...keys, ...args),
    );
    expect(AGREE.decode(answer)).toBe(false);
    expect(await heldOn(0)).toBe(String(lock.fence));
  });
});

/** Scripts that ran on the masters since they were started. */
async function scriptCalls(): Promise<number> {
  const counts = await Promise.all(
    masters().nodes.map(({ url }) =>
      queryRedis(url, async (client) => {
        const stats = await client.info('commandstats');
        return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('a try on three masters', () => {
  it('has no permits to give, and says so before it asks', async () => {
    const { locks } = await open();
    const asked = locks.tryAcquire('job', { ...TTL, permits: { of: 2 } });
    await expect(asked).rejects.toMatchObject({ code: 'E_LOCK_MISUSE' });
    expect(await heldOnAll()).toEqual([undefined, undefined, undefined]);
  });

  it('takes away the hold that an operator means, and no other', async () => {
    const { locks } = await open();
    const { fence } = await locks.acquire('job', TTL);
    expect(await locks.forceRelease('job', { fence: fence - 1 })).toBeUndefined();
    await eventually(async () => (await locks.forceRelease('job', { fence })) !== undefined);
    expect(await locks.list(10)).toEqual([]);
  });

  it('that a minority grants is refused and leaves nothing behind', async () => {
    const [one, other] = [await open(), await open()];
    const lock = await one.locks.acquire('job', TTL);
    await queryRedis(server(2).url, (client) => client.del(`${prefix}:lock:v1:{job}`));
    const refused = await other.driver.acquire(claimOf('late'));
    expect(refused).toEqual({ outcome: 'busy', remainingMs: expect.any(Number) as unknown });
    expect(refused.outcome === 'busy' && refused.remainingMs).toBeGreaterThan(3_000_000);
    // Answered after all that was sent before.
    await other.locks.forceRelease('nobody');
    await eventually(async () => (await heldOn(2)) === undefined);
    expect(await lock.extend()).toBe('extended');
    expect(await lock.release()).toBe('released');
  });

  it('of a process that died is not listed where a minority is all it has', async () => {
    const [one, other] = [await open(), await open()];
    await one.locks.acquire('job', TTL);
    await eventually(async () => expect(await heldOn(2)).toBeDefined());
    for (const index of [0, 1]) {
      await queryRedis(server(index).url, (client) => client.del(`${prefix}:lock:v1:{job}`));
    }
    expect(await other.locks.list(10)).toEqual([]);
    expect(await other.locks.forceRelease('job')).toBeUndefined();
    expect(await heldOn(2)).toBeUndefined();
  });

  it('that a master grants after it was given back is released there', async () => {
    const { locks } = await open({ deadline: '1m' });
    await locks.withLock('job', TTL, () => undefined);
    await eventually(async () =>
      expect(await heldOnAll()).toEqual([undefined, undefined, undefined]),
    );
    // It does not know the script that grants: that is sent again, after the release.
    await queryRedis(server(1).url, async (client) => {
      await client.script('FLUSH');
      await client.script('LOAD', RELEASE.source);
    });
    const fences = `${prefix}:lock:v1:{late}:fence`;
    server(1).freeze();
    await locks.withLock('late', TTL, () => undefined);
    server(1).thaw();
    await eventually(() =>
      queryRedis(server(1).url, async (client) => (await client.exists(fences)) === 1),
    );
    await eventually(async () => (await heldOn(1, 'late')) === undefined);
  });

  it('that is over before it may be relied on is refused and leaves nothing behind', async () => {
    const { driver } = await open({ quorum: { nodes: masters().nodes, driftFactor: 0.5 } });
    const short = await driver.acquire({ ...claimOf('short'), ttlMs: 4 });
    expect(short).toEqual({ outcome: 'busy', remainingMs: 0 });
    const [held] = await driver.list(1);
    expect(held).toBeUndefined();
    const long = await driver.acquire(claimOf('long'));
    expect(long).toMatchObject({ outcome: 'acquired', grant: { remainingMs: 1_799_998 } });
  });

  it('is repeated for who waits, until it is granted, the time is over, or it is told to stop', async () => {
    const [one, other] = [await open(), await open()];
    const held = await one.locks.acquire('job', TTL);
    await expect(other.locks.acquire('job', { ...TTL, wait: 30 })).rejects.toMatchObject({
      code: 'E_LOCK_WAIT_TIMEOUT',
    });
    const stop = new AbortController();
    const stopped = other.locks.acquire('job', { ...TTL, wait: '1h', signal: stop.signal });
    const waiting = other.locks.acquire('job', { ...TTL, wait: '1h' });
    const reason = new Error('no longer needed');
    stop.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    await held.release();
    const lock = await waiting;
    expect(lock.fence).toBeGreaterThan(held.fence);
    expect(await lock.release()).toBe('released');
    await eventually(async () => (await heldOnAll()).every((fence) => fence === undefined));
  });
});

it('two processes that race 200 times are never both inside, and fences grow, also without a master', async () => {
  const bounds = { deadline: '3s' } as const;
  const racers = [await open(bounds), await open(bounds)];
  const fences: number[] = [];
  let inside = 0;
  let most = 0;
  const section = ({ fence }: LockHandle): void => {
    fences.push(fence);
    if (fences.length === 70) server(1).freeze();
    if (fences.length === 140) server(1).thaw();
  };
  const race = async ({ locks }: QuorumLocks): Promise<void> => {
    for (let round = 0; round < 100; round += 1) {
      const lock = await locks.acquire('job', { ttl: '1m', wait: '1h' });
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      section(lock);
      inside -= 1;
      await lock.release();
    }
  };
  await Promise.all(racers.map(race));
  expect([most, fences.length]).toEqual([1, 200]);
  expect(fences).toEqual([...new Set(fences)].toSorted((first, second) => first - second));
}, 60_000);

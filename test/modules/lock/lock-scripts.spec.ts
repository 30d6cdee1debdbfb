import type { Redis } from 'ioredis';
import { masters } from '../../../src/common/redis/index.js';
import { SystemClock } from '../../../src/common/time/index.js';
import { LockKeyNames } from '../../../src/modules/lock/drivers/lock-key-names.js';
import { ACQUIRE } from '../../../src/modules/lock/drivers/scripts/lock-acquire.lua.js';
import { EXTEND } from '../../../src/modules/lock/drivers/scripts/lock-extend.lua.js';
import { FORCE_RELEASE } from '../../../src/modules/lock/drivers/scripts/lock-force-release.lua.js';
import { INSPECT } from '../../../src/modules/lock/drivers/scripts/lock-inspect.lua.js';
import { RELEASE } from '../../../src/modules/lock/drivers/scripts/lock-release.lua.js';
import { WAIT } from '../../../src/modules/lock/drivers/scripts/lock-wait.lua.js';
import {
  LOCK,
  type LockClaim,
  type LockDriver,
  type LockService,
} from '../../../src/modules/lock/index.js';
import { claim, HOUR, redisDriver } from '../../contracts/lock/lock-fixtures.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';
import { harnessOn } from './lock-harness.js';
import { passTurn, trafficOf } from './server-traffic.js';

/** Long ago: nobody waits for such a call any more. */
const PAST = 1;
const FAR_FUTURE = Number.MAX_SAFE_INTEGER;

// A server of our own: what is counted here must not come from other tests.
const redis = useStarted(() => startStandalone());

let open: OpenRedis;
let server: Redis;
let driver: LockDriver;

beforeEach(async () => {
  open = await openRedis({ url: redis().url }, { prefix: uniquePrefix() });
  driver = redisDriver(open.connection, undefined, { deadlineMs: 2_000 });
  const [node] = masters(open.connection.client('command'));
  if (node === undefined) throw new Error('no server');
  server = node;
});

afterEach(() => open.close());

describe('the list for operators', () => {
  it('goes in steps with a deadline of their own, which say nothing about Redis', async () => {
    await driver.acquire(claim());
    const run = jest.spyOn(open.connection.gate, 'run');
    // No time at all for the calls that hold and release.
    const hurried = redisDriver(open.connection, undefined, { deadlineMs: 0 });
    expect(await hurried.list(10)).toMatchObject([{ key: 'job' }]);
    expect(new Set(run.mock.calls.map(([, { isSurvey }]) => isSurvey))).toEqual(new Set([true]));
    await expect(hurried.forceRelease('job')).rejects.toMatchObject({ reason: 'budget' });
  });
});

describe('the cost of a call', () => {
  it('is one round trip, with these commands', async () => {
    const held = claim();
    await driver.acquire(claim({ key: 'loads the scripts' }));
    for (const call of [driver.extend(held, 1), driver.release(held), driver.forceRelease('job')]) {
      await call;
    }
    const costs = [
      await trafficOf(server, () => driver.acquire(held)),
      await trafficOf(server, () => driver.acquire(claim({ key: 'single flight', fence: 'none' }))),
      await trafficOf(server, () => driver.acquire(claim())),
      await trafficOf(server, () => driver.extend(held, 2 * HOUR)),
      await trafficOf(server, () => driver.release(held)),
      await trafficOf(server, () => driver.release(held)),
      await trafficOf(server, () => driver.forceRelease('job')),
    ];
    expect(costs).toEqual(
      [
        ['TIME', 'HMGET', 'EXISTS', 'SET', 'HSET', 'PEXPIRE'],
        ['TIME', 'HMGET', 'EXISTS', 'HSET', 'PEXPIRE'],
        ['TIME', 'HMGET', 'PTTL'],
        ['TIME', 'HMGET', 'PTTL', 'PEXPIRE'],
        ['TIME', 'HMGET', 'PTTL', 'SET', 'DEL', 'EXISTS'],
        ['TIME', 'HMGET', 'ZREM', 'EXISTS'],
        ['TIME', 'HMGET', 'DEL', 'ZRANGE', 'DEL'],
      ].map((inScript) => ({ fromClient: ['EVALSHA'], inScript })),
    );
  });
});

describe('what is left on the server', () => {
  it('expires with the hold', async () => {
    await driver.acquire(claim({ ttlMs: 60_000 }));
    expect(await ttlOf(lockName())).toBeGreaterThan(50_000);
    expect(await ttlOf(lockName())).toBeLessThanOrEqual(60_000);
  });

  it.each([
    [60_000, 10_000],
    [9_000, 9_000],
  ])('of a release of a hold of %i ms is gone after %i ms', async (ttlMs, goneMs) => {
    const held = claim({ ttlMs });
    await driver.acquire(held);
    await driver.release(held);
    const mark = names().released(lockName(), held.token);
    expect(await ttlOf(mark)).toBeGreaterThan(goneMs - 8_000);
    expect(await ttlOf(mark)).toBeLessThanOrEqual(goneMs);
    expect(await server.exists(lockName())).toBe(0);
  });

  it('is nothing after a lock without a fence was looked at, or taken away', async () => {
    await driver.acquire(claim({ fence: 'none' }));
    await driver.forceRelease('job');
    await driver.release(claim());
    await driver.extend(claim(), HOUR);
    await driver.list(10);
    expect(await server.keys(`${open.connection.keys.root(LOCK)}*`)).toEqual([]);
  });
});

describe('a call that arrives when nobody waits for it any more', () => {
  it('takes nothing', async () => {
    const late = await run(ACQUIRE, { keys: grantKeys(), args: claim() }, PAST);
    expect(late).toMatchObject(['late', expect.any(Number)]);
    expect(await server.exists(lockName())).toBe(0);
  });

  it('neither extends, releases nor takes away what is held', async () => {
    const held = claim({ ttlMs: 60_000 });
    await driver.acquire(held);
    const keys = { ...grantKeys(), released: names().released(lockName(), held.token) };
    const args = { token: held.token, channel: 'ours', holdAtLeastMs: 0 };
    const answers = [
      await run(EXTEND, { keys: [lockName()], args: [{ ref: held, ttlMs: HOUR }] }, PAST),
      await run(RELEASE, { keys, args }, PAST),
      await run(FORCE_RELEASE, { keys: grantKeys(), args: {} }, PAST),
      await run(WAIT, { keys: [keys], args: waiting(claim()) }, PAST),
    ];
    for (const answer of answers) expect(answer).toMatchObject(['late', expect.any(Number)]);
    expect(await ttlOf(lockName())).toBeLessThanOrEqual(60_000);
    expect(await driver.release(held)).toBe('released');
  });

  it('may still look', async () => {
    await driver.acquire(claim({ owner: 'somebody' }));
    const answer = await run(INSPECT, { keys: grantKeys(), args: undefined }, PAST);
    expect(INSPECT.decode(answer)).toMatchObject({ owner: 'somebody' });
  });
});

describe('a fence', () => {
  it('is the time of the server in microseconds, as long as that goes on', async () => {
    const before = await serverMicros();
    const fence = await fenceAt(claim(), '');
    expect(fence).toBeGreaterThanOrEqual(before);
    expect(fence).toBeLessThanOrEqual(await serverMicros());
  });

  it('goes on where the clock was set back', async () => {
    const fence = await fenceAt(claim(), '');
    const anHourAgo = Math.floor(fence / 1_000) - HOUR;
    const [second, third] = [await fenceAt(claim(), anHourAgo), await fenceAt(claim(), anHourAgo)];
    expect([second, third]).toEqual([fence + 1, fence + 2]);
  });

  it('goes on where the server lost all it knew', async () => {
    const fence = await fenceAt(claim(), '');
    await server.del(...Object.values(grantKeys()));
    expect(await fenceAt(claim(), '')).toBeGreaterThan(fence);
  });

  it('keeps all its digits', async () => {
    const far = 2 ** 53 - 10;
    expect(await fenceAt(claim({ fence: far }), '')).toBe(far);
    expect(await fenceAt(claim(), '')).toBe(far + 1);
  });

  it('is remembered for a day after the hold at most', async () => {
    await fenceAt(claim({ ttlMs: HOUR }), '');
    const rest = await ttlOf(grantKeys().fence);
    expect(rest).toBeGreaterThan(24 * HOUR);
    expect(rest).toBeLessThanOrEqual(25 * HOUR);
  });

  it('is none for a hold of a release that knew none', async () => {
    const held = claim();
    await server.hset(lockName(), 'token', held.token, 'owner', 'old', 'since', '1');
    await server.pexpire(lockName(), HOUR);
    expect(await driver.extend(held, HOUR)).toMatchObject({ grant: { fence: undefined } });
    expect(await driver.forceRelease('job')).toMatchObject({ owner: 'old', fence: undefined });
  });

  /** Of a hold that is taken away at once. */
  async function fenceAt(asked: LockClaim, now: number | ''): Promise<number> {
    const answer = await run(ACQUIRE, { keys: grantKeys(), args: asked, now }, FAR_FUTURE);
    await server.del(lockName());
    const { fence } = ACQUIRE.decode(answer);
    if (fence === undefined) throw new Error('no fence');
    return fence;
  }

  async function serverMicros(): Promise<number> {
    const [seconds, micros] = await server.time();
    return Number(seconds) * 1_000_000 + Number(micros);
  }
});

describe('a key that something else uses', () => {
  const MISUSE = { code: 'E_LOCK_MISUSE' };

  /** Resolves when the claim is in the queue. */
  async function seenWaiting(asked: LockClaim) {
    const outcome = driver.acquire(asked, { waitMs: HOUR });
    outcome.catch(() => undefined);
    const { queue } = names().all(asked.key);
    await eventually(async () => (await server.zscore(queue, asked.token)) !== null);
    return { outcome };
  }

  it('is refused, and left alone', async () => {
    await server.set(lockName(), 'a text');
    await expect(driver.acquire(claim())).rejects.toMatchObject(MISUSE);
    await expect(driver.acquire(claim(), { waitMs: HOUR })).rejects.toMatchObject(MISUSE);
    await expect(driver.acquireAll([claim()])).rejects.toMatchObject(MISUSE);
    await expect(driver.forceRelease('job')).rejects.toMatchObject(MISUSE);
    expect(await driver.list(10)).toEqual([]);
    expect(await server.get(lockName())).toBe('a text');
  });

  it('ends the waiting for it, and for nothing else', async () => {
    const held = claim({ key: 'another' });
    await driver.acquire(held);
    await driver.acquire(claim());
    // At once, so that they ask together later on.
    const asked = [claim(), claim({ key: 'another' })];
    const waiters = await Promise.all(asked.map((one) => seenWaiting(one)));
    const [spoiled, sound] = waiters.map(({ outcome }) => outcome);
    await server.set(lockName(), 'a text');
    await expect(spoiled).rejects.toMatchObject(MISUSE);
    await driver.release(held);
    expect(await sound).toMatchObject({ outcome: 'acquired' });
  });

  it('ends the hold of it, and of nothing else', async () => {
    const [spoiled, sound] = [claim(), claim({ key: 'another' })];
    await driver.acquireAll([spoiled, sound]);
    await server.set(lockName(), 'a text');
    const extended = [spoiled, sound].map((held) => driver.extend(held, HOUR));
    expect(await Promise.all(extended)).toMatchObject([
      { outcome: 'lost' },
      { outcome: 'extended' },
    ]);
    expect(await driver.list(10)).toMatchObject([{ key: 'another' }]);
    expect(await driver.release(spoiled)).toBe('lost');
    expect(await driver.release(sound)).toBe('released');
    expect(await server.get(lockName())).toBe('a text');
  });
});

describe('holds that are extended by themselves', () => {
  const MANY = 50;
  const started: LockService[] = [];

  afterEach(() => {
    for (const locks of started.splice(0)) locks.onApplicationShutdown();
  });

  function keptLocks() {
    const harness = harnessOn(driver, new SystemClock());
    started.push(harness.locks);
    return harness;
  }

  it('cost one command a round, and last as long as they are kept', async () => {
    const { locks, names: eventNames } = keptLocks();
    const hold = (_: unknown, index: number) =>
      locks.acquire(`job ${index}`, { ttl: 900, fence: false });
    // The server learns the script.
    await driver.extend(claim(), 1);
    const held = await Promise.all(Array.from({ length: MANY }, hold));
    const { fromClient } = await trafficOf(server, async () => {
      const until = performance.now() + 1_600;
      await eventually(() => performance.now() > until);
    });
    expect(held.filter(({ isHeld }) => isHeld)).toHaveLength(MANY);
    // Every 300 ms by plan; a busy machine may find some of them due earlier than others.
    expect(fromClient.length).toBeGreaterThanOrEqual(2);
    expect(fromClient.length).toBeLessThanOrEqual(15);
    expect(new Set(fromClient)).toEqual(new Set(['EVALSHA']));
    await Promise.all(held.map((lock) => lock.release()));
    expect(await driver.list(MANY)).toEqual([]);
    expect(eventNames()).not.toContain('lock.lost');
    const after = await trafficOf(server, async () => {
      const until = performance.now() + 400;
      await eventually(() => performance.now() > until);
    });
    expect(after.fromClient).toEqual([]);
  });

  it('stay released where that was sent just after an extension', async () => {
    const { locks } = keptLocks();
    for (let round = 0; round < 20; round += 1) {
      const lock = await locks.acquire('job', { ttl: '1m', fence: false });
      const extended = lock.extend();
      for (let turn = round % 4; turn > 0; turn -= 1) await passTurn();
      expect(await lock.release()).toBe('released');
      expect(await extended).toMatch(/extended|lost/);
      expect(await server.exists(lockName())).toBe(0);
    }
  });
});

describe('a server whose clock is set', () => {
  it.each([-HOUR, HOUR])('by %i ms changes nothing of how long a lock is held', async (stepMs) => {
    const now = (await serverMs()) + stepMs;
    const call = { keys: grantKeys(), args: claim({ ttlMs: 60_000 }), now };
    const answer = await run(ACQUIRE, call, FAR_FUTURE);
    expect(ACQUIRE.decode(answer)).toMatchObject({ ms: 60_000 });
    expect(await ttlOf(lockName())).toBeLessThanOrEqual(60_000);
    expect(await ttlOf(lockName())).toBeGreaterThan(50_000);
  });

  it('back keeps a lock that is held at least for a time no longer than asked', async () => {
    const held = claim({ ttlMs: 60_000 });
    await driver.acquire(held);
    const now = (await serverMs()) - HOUR;
    const keys = { ...grantKeys(), released: names().released(lockName(), held.token) };
    const args = { token: held.token, channel: 'ours', holdAtLeastMs: 10_000 };
    await run(RELEASE, { keys, args, now }, FAR_FUTURE);
    expect(await ttlOf(lockName())).toBeGreaterThan(0);
    expect(await ttlOf(lockName())).toBeLessThanOrEqual(10_000);
  });

  it('while claims wait hands the lock over to them, in the order in which they came', async () => {
    const held = claim();
    await driver.acquire(held);
    const [first, second] = [claim(), claim()];
    const ask = async (one: LockClaim, now: number) => {
      const call = { keys: [grantKeys()], args: waiting(one), now };
      return WAIT.decode(await run(WAIT, call, FAR_FUTURE))[0]?.word;
    };
    const [before, later] = [await serverMs(), (await serverMs()) - HOUR];
    expect([await ask(first, before), await ask(second, later)]).toEqual(['busy', 'busy']);
    await server.del(lockName());
    // The first says that it lives: by the new time both were heard of just now.
    expect(await ask(first, later)).toBe('acquired');
    await server.del(lockName());
    expect(await ask(second, later)).toBe('acquired');
  });

  async function serverMs(): Promise<number> {
    const [seconds] = await server.time();
    return Number(seconds) * 1_000;
  }
});

describe('a server that forgot its scripts', () => {
  it('is taught them again', async () => {
    const held = claim();
    await driver.acquire(held);
    await server.script('FLUSH');
    expect(await driver.extend(held, HOUR)).toMatchObject({ outcome: 'extended' });
    await server.script('FLUSH');
    expect(await driver.release(held)).toBe('released');
  });
});

function lockName(): string {
  return open.connection.keys.key(LOCK, 'job');
}

function names(): LockKeyNames {
  return new LockKeyNames(open.connection.keys);
}

function grantKeys() {
  return names().all('job');
}

function waiting(asked: LockClaim) {
  return { channel: 'ours', claims: [{ claim: asked, arrival: '' }] };
}

function ttlOf(name: string): Promise<number> {
  return server.pttl(name);
}

interface RawScript<Keys, Args> {
  readonly source: string;
  readonly keys: (keys: Keys) => readonly string[];
  readonly args: (args: Args) => readonly (string | number | Buffer)[];
}

/** Runs a script by itself, by the server's own clock or at a time that is given. */
async function run<Keys, Args>(
  script: RawScript<Keys, Args>,
  call: { readonly keys: Keys; readonly args: Args; readonly now?: number | '' },
  deadline: number,
): Promise<unknown> {
  const keys = script.keys(call.keys);
  const { now = '' } = call;
  return server.eval(script.source, keys.length, ...keys, deadline, now, ...script.args(call.args));
}

import type { Redis } from 'ioredis';
import { masters } from '../../../src/common/redis/index.js';
import { LockKeyNames } from '../../../src/modules/lock/drivers/lock-key-names.js';
import { WAIT } from '../../../src/modules/lock/drivers/scripts/lock-wait.lua.js';
import { SEMAPHORE_ACQUIRE } from '../../../src/modules/lock/drivers/scripts/semaphore-acquire.lua.js';
import { SEMAPHORE_EXTEND } from '../../../src/modules/lock/drivers/scripts/semaphore-extend.lua.js';
import { SEMAPHORE_FORCE_RELEASE } from '../../../src/modules/lock/drivers/scripts/semaphore-force-release.lua.js';
import { SEMAPHORE_RELEASE } from '../../../src/modules/lock/drivers/scripts/semaphore-release.lua.js';
import { LOCK, type LockClaim, type LockDriver } from '../../../src/modules/lock/index.js';
import { claim, HOUR, redisDriver } from '../../contracts/lock/lock-fixtures.js';
import { permits } from '../../contracts/lock/semaphore.suite.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';
import { trafficOf } from './server-traffic.js';

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

it('each call is one round trip, whatever waits', async () => {
  const held = permits(2);
  const calls = [
    () => driver.acquire(held),
    () => driver.acquire(permits(2)),
    () => driver.extend(held, 2 * HOUR),
    () => driver.release(held),
  ];
  for (const call of calls) await call();
  for (const call of calls) {
    expect((await trafficOf(server, call)).fromClient).toEqual(['EVALSHA']);
  }
});

it('holds that are extended in one turn cost one command', async () => {
  const holds = Array.from({ length: 20 }, () => claim({ permits: { take: 1, of: 50 } }));
  for (const held of holds) await driver.acquire(held);
  await driver.extend(claim({ permits: { take: 1, of: 50 } }), 1);
  const extend = () => Promise.all(holds.map((held) => driver.extend(held, 2 * HOUR)));
  expect((await trafficOf(server, extend)).fromClient).toEqual(['EVALSHA']);
});

describe('what is left on the server', () => {
  it('lasts as long as the longest hold', async () => {
    const { lock, permits: known } = keys();
    const [long, short] = [permits(1, { ttlMs: HOUR }), permits(1, { ttlMs: 60_000 })];
    await driver.acquire(short);
    for (const name of [lock, known]) await expectTtl(name, 60_000);
    await driver.acquire(long);
    for (const name of [lock, known]) await expectTtl(name, HOUR);
    await driver.release(long);
    for (const name of [lock, known]) await expectTtl(name, 60_000);
    await driver.extend(short, 2 * HOUR);
    for (const name of [lock, known]) await expectTtl(name, 2 * HOUR);
  });

  it('is nothing once all was given back, where no fence was asked for', async () => {
    const [held, other] = [permits(1, { fence: 'none' }), permits(2, { fence: 'none' })];
    for (const one of [held, other]) await driver.acquire(one);
    await driver.forceRelease('job', { tokenPrefix: held.token });
    await driver.release(other);
    const released = names().released(keys().lock, other.token);
    expect(await server.keys(`${open.connection.keys.root(LOCK)}*`)).toEqual([released]);
  });

  it('counts as all permits where a server that evicts has lost who took how many', async () => {
    const held = permits();
    await driver.acquire(held);
    await server.del(keys().permits);
    expect(await driver.acquire(permits())).toMatchObject({ outcome: 'busy' });
    expect(await driver.extend(held, HOUR)).toMatchObject({ outcome: 'extended' });
    expect(await driver.release(held)).toBe('released');
    expect(await driver.acquire(permits(3))).toMatchObject({ outcome: 'acquired' });
  });

  async function expectTtl(name: string, ms: number): Promise<void> {
    const found = await server.pttl(name);
    expect(found).toBeLessThanOrEqual(ms);
    expect(found).toBeGreaterThan(ms - 50_000);
  }
});

describe('a call that arrives when nobody waits for it any more', () => {
  it('takes, extends, releases and takes away nothing', async () => {
    const held = permits(1, { ttlMs: 60_000 });
    await driver.acquire(held);
    const all = { ...keys(), released: names().released(keys().lock, held.token) };
    const args = { token: held.token, channel: 'ours' };
    const answers = [
      await run(SEMAPHORE_ACQUIRE, { keys: [keys()], args: asking(permits()) }, PAST),
      await run(SEMAPHORE_EXTEND, { keys: [keys()], args: [{ ref: held, ttlMs: HOUR }] }, PAST),
      await run(SEMAPHORE_RELEASE, { keys: all, args }, PAST),
      await run(SEMAPHORE_FORCE_RELEASE, { keys: keys(), args: {} }, PAST),
    ];
    for (const answer of answers) expect(answer).toMatchObject(['late', expect.any(Number)]);
    expect(await server.zcard(keys().lock)).toBe(1);
    expect(await server.pttl(keys().lock)).toBeLessThanOrEqual(60_000);
  });
});

describe('an operator', () => {
  it('has one of many holders taken away by its fence, and of the others a number', async () => {
    const holds = Array.from({ length: 150 }, () => claim({ permits: { take: 1, of: 200 } }));
    const answers = await Promise.all(holds.map((held) => driver.acquire(held)));
    const several = driver.forceRelease('job');
    await expect(several).rejects.toMatchObject({ message: expect.stringContaining('150') });
    const raw = await run(SEMAPHORE_FORCE_RELEASE, { keys: keys(), args: {} }, FAR_FUTURE);
    expect(JSON.stringify(raw).length).toBeLessThan(100);
    const [last] = answers.slice(-1);
    const fence = last?.outcome === 'acquired' ? last.grant.fence : 0;
    const freed = () => driver.forceRelease('job', { fence });
    const { inScript } = await trafficOf(server, async () => {
      expect(await freed()).toMatchObject({ fence, permits: { take: 1, of: 200 } });
    });
    expect(inScript.length).toBeLessThan(25);
    expect(await freed()).toBeUndefined();
    expect(await server.zcard(keys().lock)).toBe(149);
  });

  it('who gets no answer says nothing about Redis', async () => {
    const { connection, close } = await openRedis(
      { url: redis().url },
      { prefix: uniquePrefix(), breaker: { failureThreshold: 1 } },
    );
    const locks = redisDriver(connection);
    for (const held of [permits(), claim({ key: 'plain' })]) {
      await locks.acquire(held);
      await server.config('SET', 'min-replicas-to-write', 1);
      await expect(locks.forceRelease(held.key)).rejects.toMatchObject({ reason: 'refused' });
      await server.config('SET', 'min-replicas-to-write', 0);
      expect(connection.gate.state).toBe('closed');
      expect(await locks.release(held)).toBe('released');
    }
    close();
  });
});

describe('who waits', () => {
  /** Asks as a process of its own would, once. */
  async function ask(
    asked: LockClaim,
    now: number | '' = '',
    channel = 'ours',
  ): Promise<string | undefined> {
    const call = { keys: [keys()], args: { ...asking(asked), channel }, now };
    return SEMAPHORE_ACQUIRE.decode(await run(SEMAPHORE_ACQUIRE, call, FAR_FUTURE))[0]?.word;
  }

  it('is served in the step in which the one before stops waiting', async () => {
    await driver.acquire(permits());
    const [writer, reader] = [permits(3), permits()];
    const now = await serverMs();
    expect([await ask(writer, now), await ask(reader, now)]).toEqual(['busy', 'busy']);
    const all = { ...keys(), released: names().released(keys().lock, writer.token) };
    const args = { token: writer.token, channel: 'another' };
    await run(SEMAPHORE_RELEASE, { keys: all, args, now }, FAR_FUTURE);
    // It has the claim time to say that it lives.
    expect(Number(await server.zscore(keys().lock, reader.token))).toBe(now + 1_000);
    expect(await ask(reader, now)).toBe('acquired');
    expect(Number(await server.zscore(keys().lock, reader.token))).toBe(now + HOUR);
  });

  it('is passed over where its process was not heard of for the claim time', async () => {
    const held = permits();
    await driver.acquire(held);
    const [dead, living] = [permits(3), permits()];
    const now = await serverMs();
    expect([await ask(dead, now - 1_500), await ask(living, now)]).toEqual(['busy', 'busy']);
    // By the channel of the living, which the dead shared until then.
    await server.hset(keys().waiters, 'gone', String(now - 1_500));
    await server.hset(keys().waiters, dead.token, waitingOn('gone', dead));
    expect(await ask(living, now)).toBe('acquired');
    expect(await server.zscore(keys().queue, dead.token)).toBeNull();
  });

  it('comes before a caller of another size, who is told, once the hold is over', async () => {
    const other = claim({ permits: { take: 1, of: 9 } });
    for (const isPatient of [true, false]) {
      const [held, writer] = [permits(), permits(3)];
      await driver.acquire(held);
      expect(await ask(writer)).toBe('busy');
      await server.zadd(keys().lock, 1, held.token);
      expect(await ask(other, '', isPatient ? 'others' : '')).toBe('misuse');
      expect(await server.zcard(keys().queue)).toBe(0);
      expect(await ask(writer)).toBe('acquired');
      expect(await driver.release(writer)).toBe('released');
    }
  });

  it('keeps its place where a server that evicts has lost who took how many', async () => {
    const [held, other, waiter] = [permits(), permits(), permits(3)];
    for (const one of [held, other]) await driver.acquire(one);
    expect(await ask(waiter)).toBe('busy');
    await server.del(keys().permits);
    await driver.forceRelease('job', { tokenPrefix: held.token });
    expect(await server.zscore(keys().queue, waiter.token)).not.toBeNull();
    await driver.release(other);
    expect(await ask(waiter)).toBe('acquired');
  });

  it('is served up to 128 in one call, however many claims that has', async () => {
    const of = 1_000;
    const writer = claim({ permits: { take: of, of } });
    await driver.acquire(writer);
    const claims = Array.from({ length: 200 }, () => claim({ permits: { take: 1, of } }));
    const call = (some: readonly LockClaim[]) => ({
      keys: some.map(() => keys()),
      args: { channel: 'ours', claims: some.map((one) => ({ claim: one, arrival: '' })) },
    });
    await run(SEMAPHORE_ACQUIRE, call(claims), FAR_FUTURE);
    await server.zadd(keys().lock, 1, writer.token);
    await run(SEMAPHORE_ACQUIRE, call(claims.slice(-2)), FAR_FUTURE);
    expect(await server.zcard(keys().lock)).toBe(128);
  });

  it('for another kind of lock under the same key keeps its place, and comes first', async () => {
    const waiter = claim();
    const call = { keys: [names().all('job')], args: asking(waiter) };
    await driver.acquire(claim());
    await run(WAIT, call, FAR_FUTURE);
    expect(await server.zscore(keys().queue, waiter.token)).not.toBeNull();
    await server.del(keys().lock);
    expect(await driver.acquire(permits())).toMatchObject({ outcome: 'busy' });
    expect(WAIT.decode(await run(WAIT, call, FAR_FUTURE))).toMatchObject([{ word: 'acquired' }]);
    const reader = permits();
    await expect(ask(reader)).rejects.toThrow('WRONGTYPE');
    await driver.release(waiter);
    await driver.acquire(permits(3, { ttlMs: HOUR - 1 }));
    expect(await ask(reader)).toBe('busy');
    await server.del(keys().lock, keys().permits);
    expect(await driver.acquire(claim())).toMatchObject({ outcome: 'busy' });
    expect(await ask(reader)).toBe('acquired');
  });

  async function serverMs(): Promise<number> {
    const [seconds] = await server.time();
    return Number(seconds) * 1_000;
  }

  function waitingOn(channel: string, { owner, ttlMs }: LockClaim): string {
    return JSON.stringify([owner, ttlMs, 0, channel, 3, 3]);
  }
});

function names(): LockKeyNames {
  return new LockKeyNames(open.connection.keys);
}

function keys() {
  return names().semaphore('job');
}

function asking(asked: LockClaim) {
  return { channel: 'ours', claims: [{ claim: asked, arrival: '' }] };
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
  const found = script.keys(call.keys);
  const { now = '' } = call;
  const args = script.args(call.args);
  return server.eval(script.source, found.length, ...found, deadline, now, ...args);
}

import { Redis } from 'ioredis';
import { RedisUnavailableError } from '../../../src/common/redis/index.js';
import { LockChannel } from '../../../src/modules/lock/drivers/lock-channel.js';
import { LockKeyNames } from '../../../src/modules/lock/drivers/lock-key-names.js';
import type { RedisLockDriver } from '../../../src/modules/lock/drivers/redis-lock.driver.js';
import type { AcquireOutcome, LockClaim } from '../../../src/modules/lock/index.js';
import { claim, HOUR, redisDriver } from '../../contracts/lock/lock-fixtures.js';
import { openRedis, type OpenRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';
import { passTurn, trafficOf } from './server-traffic.js';

// A server of our own: what is counted, killed and forgotten here is nobody else's.
const redis = useStarted(() => startStandalone());

const WAIT = { waitMs: HOUR };
const acquired = { outcome: 'acquired' };

/** As one process has it: connections and a channel of its own. */
interface Peer {
  readonly open: OpenRedis;
  readonly channel: LockChannel;
  readonly driver: RedisLockDriver;
}

let prefix: string;
let server: Redis;
let one: Peer;
let other: Peer;
const ends: (() => void)[] = [];

beforeEach(async () => {
  prefix = uniquePrefix();
  server = new Redis(redis().url);
  one = await join();
  other = await join();
});

afterEach(() => {
  for (const end of ends.splice(0)) end();
  server.disconnect();
});

async function join(url = redis().url, deadlineMs = 5_000): Promise<Peer> {
  const open = await openRedis({ url }, { prefix });
  const channel = new LockChannel(open.connection);
  ends.push(() => {
    channel.onApplicationShutdown();
    open.close();
  });
  return { open, channel, driver: redisDriver(open.connection, channel, { deadlineMs }) };
}

async function startProxy(): Promise<FaultProxy> {
  const proxy = new FaultProxy({ targetPort: redis().process.port });
  await proxy.start();
  ends.push(() => void proxy.stop());
  return proxy;
}

function names(key = 'job') {
  return new LockKeyNames(one.open.connection.keys).all(key);
}

/** Resolves when the claim is in the queue. */
async function waiting(
  { driver }: Peer,
  asked: LockClaim,
  wait: Parameters<RedisLockDriver['acquire']>[1] = WAIT,
): Promise<{ readonly outcome: Promise<AcquireOutcome> }> {
  const outcome = driver.acquire(asked, wait);
  outcome.catch(() => undefined);
  await eventually(async () => (await queued(asked)) !== null, { intervalMs: 2 });
  return { outcome };
}

function queued({ key, token }: LockClaim): Promise<string | null> {
  return server.zscore(names(key).queue, token);
}

/** Subscribed, and every script is known. */
async function warmUp(...peers: readonly Peer[]): Promise<void> {
  for (const { driver, channel } of peers) {
    const held = claim({ key: 'warm' });
    await driver.acquire(held, WAIT);
    await driver.extend(held, HOUR);
    await driver.release(held);
    await eventually(async () => {
      expect(await server.pubsub('NUMSUB', channel.name)).toEqual([channel.name, 1]);
    });
  }
}

/** Takes the lock as it comes, and gives it back at once. */
async function section({ driver }: Peer, asked = claim()): Promise<void> {
  expect(await driver.acquire(asked, WAIT)).toMatchObject(acquired);
  expect(await driver.release(asked)).toBe('released');
}

async function counted(work: () => Promise<unknown>) {
  const startedAt = performance.now();
  const { fromClient } = await trafficOf(server, work);
  // Signs of life of those who wait for long, on a busy machine.
  const slack = 3 + Math.ceil((performance.now() - startedAt) / 100);
  return { commands: fromClient.length, slack };
}

describe('what waiting costs', () => {
  const MANY = 20;

  it('is one command where the lock is free', async () => {
    await warmUp(one);
    const { fromClient } = await trafficOf(server, () => one.driver.acquire(claim(), WAIT));
    expect(fromClient).toEqual(['EVALSHA']);
  });

  it('is two commands a section within a process: it is told by its own release', async () => {
    await warmUp(one);
    const held = claim();
    await one.driver.acquire(held);
    const { commands, slack } = await counted(async () => {
      const sections = Array.from({ length: MANY }, () => section(one));
      await one.driver.release(held);
      await Promise.all(sections);
    });
    expect(commands).toBeGreaterThanOrEqual(2 * MANY + 1);
    expect(commands).toBeLessThanOrEqual(2 * MANY + 1 + slack);
  });

  it('is three commands a section from process to process', async () => {
    await warmUp(one, other);
    const held = claim();
    await one.driver.acquire(held);
    const { commands, slack } = await counted(async () => {
      const sections: Promise<void>[] = [];
      for (let index = 0; index < MANY; index += 1) {
        const by = index % 2 === 0 ? other : one;
        const asked = claim();
        sections.push(section(by, asked));
        await eventually(() => by.open.connection.gate.counters.inFlight === 0, { intervalMs: 1 });
      }
      await one.driver.release(held);
      await Promise.all(sections);
    });
    expect(commands).toBeGreaterThanOrEqual(3 * MANY + 1);
    expect(commands).toBeLessThanOrEqual(3 * MANY + 1 + slack);
  });

  it('is far below 100 commands a second for 100 who came one after the other', async () => {
    await warmUp(one);
    for (let index = 0; index < 100; index += 1) {
      await other.driver.acquire(claim({ key: `job ${index % 10}` }));
      void one.driver.acquire(claim({ key: `job ${index % 10}` }), WAIT).catch(() => undefined);
      await eventually(() => performance.now() % 4 < 2, { intervalMs: 1 });
    }
    const startedAt = performance.now();
    const { fromClient } = await trafficOf(server, () =>
      eventually(() => performance.now() > startedAt + 1_500),
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(fromClient.length).toBeGreaterThan(0);
    expect(fromClient.length / seconds).toBeLessThan(100);
  });
});

describe('a message that is lost', () => {
  it('as the connection that receives was killed, costs the waiter the claim time at most', async () => {
    await warmUp(other);
    const held = claim();
    await one.driver.acquire(held);
    const { outcome } = await waiting(other, claim());
    await server.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await one.driver.release(held);
    expect(await outcome).toMatchObject(acquired);
  });

  it('on the way costs the waiter the claim time at most', async () => {
    const deaf = await joinDeaf();
    const held = claim();
    await one.driver.acquire(held);
    const asked = claim();
    const { outcome } = await waiting(deaf, asked);
    await one.driver.release(held);
    expect(await outcome).toMatchObject(acquired);
    // It was in time: nobody else was given the lock.
    expect(await one.driver.release(held)).toBe('released');
    expect(await deaf.driver.release(asked)).toBe('released');
  });

  /** A process whose channel never tells it anything. */
  async function joinDeaf(): Promise<Peer> {
    const peer = await join();
    jest.spyOn(peer.channel, 'listen').mockImplementation(() => undefined);
    return peer;
  }
});

describe('a process that died', () => {
  it('is left out of the queue; all others get the lock in the order in which they came', async () => {
    await warmUp(one, other);
    const dead = await join();
    const held = claim();
    await one.driver.acquire(held);
    const order: number[] = [];
    const sections: Promise<void>[] = [];
    for (const [index, by] of [other, dead, one, dead, other, one].entries()) {
      const asked = claim();
      const { outcome } = await waiting(by, asked);
      if (by === dead) outcome.catch(() => undefined);
      else sections.push(outcome.then(() => leave(by, asked, index)));
    }
    dead.open.close();
    expect(await server.zcard(names().queue)).toBe(6);
    await one.driver.release(held);
    await Promise.all(sections);
    expect(order).toEqual([0, 2, 4, 5]);

    async function leave(by: Peer, asked: LockClaim, index: number): Promise<void> {
      order.push(index);
      await by.driver.release(asked);
    }
  });

  it('does not keep others from a free lock, whether they wait or not', async () => {
    const dead = await join();
    const held = claim();
    await one.driver.acquire(held);
    await waiting(dead, claim());
    dead.open.close();
    // As if it had not been heard of for longer than the claim time.
    await server.hset(names().waiters, dead.channel.name, 1);
    await server.del(names().lock);
    expect(await one.driver.acquireAll([claim(), claim({ key: 'other' })])).toMatchObject({
      outcome: 'acquired',
    });
  });

  it('leaves nothing behind for good', async () => {
    const dead = await join();
    await one.driver.acquire(claim());
    await waiting(dead, claim());
    dead.open.close();
    expect(await server.pttl(names().queue)).toBeLessThanOrEqual(2_000);
    expect(await server.pttl(names().waiters)).toBeLessThanOrEqual(2_000);
  });
});

describe('a server that forgot', () => {
  it('who waits is told again: everybody gets the lock in the order in which they came', async () => {
    const held = claim();
    await one.driver.acquire(held);
    const { order, sections } = await lineUp([one, other, other, one, other, one]);
    await server.del(names().queue, names().waiters);
    await eventually(async () => {
      expect(await server.zcard(names().queue)).toBe(6);
    });
    await one.driver.release(held);
    await Promise.all(sections);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.each(['queue', 'waiters'] as const)('the %s gives the lock to everybody', async (what) => {
    const held = claim();
    await one.driver.acquire(held);
    const { order, sections } = await lineUp([one, one, other, one]);
    await server.del(names()[what]);
    await one.driver.release(held);
    await Promise.all(sections);
    expect(new Set(order)).toEqual(new Set([0, 1, 2, 3]));
  });

  it('everything gives the lock to those of a process in the order in which they came', async () => {
    await one.driver.acquire(claim());
    const { order, sections } = await lineUp([other, other, other, other]);
    await server.flushall();
    await Promise.all(sections);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  async function lineUp(peers: readonly Peer[]) {
    const order: number[] = [];
    const sections: Promise<unknown>[] = [];
    for (const [index, by] of peers.entries()) {
      const asked = claim();
      const { outcome } = await waiting(by, asked);
      const leave = () => {
        order.push(index);
        return by.driver.release(asked);
      };
      sections.push(outcome.then(leave));
    }
    return { order, sections };
  }
});

describe('a wait that is shorter than the way to the server', () => {
  it('gets a lock that is free', async () => {
    const proxy = await startProxy();
    const far = await join(proxy.url);
    await proxy.delay(20);
    expect(await far.driver.acquire(claim(), { waitMs: 1 })).toMatchObject(acquired);
    expect(await far.driver.acquire(claim(), { waitMs: 1 })).toMatchObject({ outcome: 'busy' });
  });
});

describe('a release whose reply is lost', () => {
  it('has handed the lock over to another process, which gets it', async () => {
    const proxy = await startProxy();
    const cut = await join(proxy.url, 300);
    await warmUp(cut, other);
    const held = claim();
    await cut.driver.acquire(held);
    const asked = claim();
    const { outcome } = await waiting(other, asked);
    await proxy.halfOpen();
    await expect(cut.driver.release(held)).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await outcome).toMatchObject(acquired);
    expect(await other.driver.release(asked)).toBe('released');
  });
});

describe('a wait that ends just when the lock is handed over', () => {
  const ROUNDS = 30;

  it.each([
    ['by its time', true],
    ['by its signal', false],
  ])('%s leaves the lock free for the next', async (_how, isTimed) => {
    await warmUp(one, other);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [held, asked, by] = [claim(), claim(), round % 2 === 0 ? one : other];
      expect(await one.driver.acquire(held, WAIT)).toMatchObject(acquired);
      const stop = new AbortController();
      const wait = { waitMs: isTimed ? 2 + Math.random() * 8 : HOUR, signal: stop.signal };
      let isOver = false;
      const outcome = by.driver
        .acquire(asked, wait)
        .catch(() => ({ outcome: 'stopped' }))
        .finally(() => (isOver = true));
      await eventually(async () => isOver || (await queued(asked)) !== null, { intervalMs: 1 });
      const releaseAt = performance.now() + (isTimed ? Math.random() * 10 : 0);
      while (performance.now() < releaseAt) await passTurn();
      const released = one.driver.release(held);
      for (let turn = Math.random() * 6; turn > 1; turn -= 1) await passTurn();
      if (!isTimed) stop.abort(new Error('no longer wanted'));
      if ((await outcome).outcome === 'acquired') await by.driver.release(asked);
      await released;
      expect(await one.driver.acquire(claim(), { waitMs: 10_000 })).toMatchObject(acquired);
      await one.driver.forceRelease('job');
    }
  });

  it('before its first question was answered leaves nothing behind', async () => {
    await warmUp(one);
    await server.script('FLUSH');
    // The release is known to the server and the question is not: it has to be sent once more.
    await one.driver.release(claim());
    const stop = new AbortController();
    const outcome = one.driver.acquire(claim(), { ...WAIT, signal: stop.signal });
    const reason = new Error('no longer wanted');
    stop.abort(reason);
    await expect(outcome).rejects.toBe(reason);
    expect(await other.driver.acquire(claim(), { waitMs: 5_000 })).toMatchObject(acquired);
  });
});

describe('a claim that cannot leave the queue', () => {
  it('says that what it left behind is unknown, so that it is made up for', async () => {
    await one.driver.acquire(claim());
    const stop = new AbortController();
    const { outcome } = await waiting(one, claim(), { ...WAIT, signal: stop.signal });
    const { connection } = one.open;
    jest.spyOn(connection.gate, 'run').mockRejectedValueOnce(new RedisUnavailableError('budget'));
    stop.abort(new Error('no longer wanted'));
    await expect(outcome).rejects.toMatchObject({ outcome: 'unknown' });
  });
});

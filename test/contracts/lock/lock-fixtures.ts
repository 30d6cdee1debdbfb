import { randomUUID } from 'node:crypto';
import { LockChannel } from '../../../src/modules/lock/drivers/lock-channel.js';
import { MemoryLockDriver } from '../../../src/modules/lock/drivers/memory-lock.driver.js';
import { RedisLockDriver } from '../../../src/modules/lock/drivers/redis-lock.driver.js';
import type { LockClaim, LockDriver } from '../../../src/modules/lock/index.js';
import type { RedisConnection, RedisTarget } from '../../../src/common/redis/index.js';
import { SystemClock } from '../../../src/common/time/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { openQuorumLocks } from '../../modules/lock/quorum-fixture.js';
import { openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';
import { assertTopology } from '../../support/redis/topology.js';

/** A driver, and the time it lives by. */
export interface LockFixture {
  readonly driver: LockDriver;
  /** That of another process; the same one where locks are kept in a process. */
  readonly peer: LockDriver;
  /** Resolves when more than so much time has passed for the driver. */
  passTime(ms: number): Promise<void>;
  /** How much of a time to live its grants say that may be relied on. */
  readonly relied: (ms: number) => number;
  /** Ends the connections. */
  close(): void;
}

export type OpenLocks = () => Promise<LockFixture>;

export const HOUR = 3_600_000;
/** Short enough to wait for on a real server; nothing is asserted before it is over. */
export const SHORT = 20;

/** Opens a driver for the surrounding suite; every test takes locks of its own. */
export function useLocks(open: OpenLocks): () => LockFixture {
  let fixture: LockFixture | undefined;
  const opened = (): LockFixture => {
    if (fixture === undefined) throw new Error('it only works inside of tests and their hooks');
    return fixture;
  };
  beforeAll(async () => {
    fixture = await open();
  });
  afterEach(async () => {
    const { driver } = opened();
    for (const { key, tokenPrefix } of await driver.list(10_000)) {
      await driver.forceRelease(key, { tokenPrefix });
    }
  });
  afterAll(() => fixture?.close());
  return opened;
}

/** A claim with a token of its own and the least that a test is about. */
export function claim(given: Partial<LockClaim> = {}): LockClaim {
  return { key: 'job', token: randomUUID(), ttlMs: HOUR, owner: 'test', ...given };
}

const all = (ms: number): number => ms;

/** Bounds that a busy test machine keeps. */
const BOUNDS = { deadlineMs: 5_000 };

export async function openMemory(): Promise<LockFixture> {
  const clock = new FakeClock();
  const passTime = async (ms: number): Promise<void> => clock.advance(ms + 1);
  const driver = new MemoryLockDriver(clock);
  return { driver, peer: driver, passTime, relied: all, close: () => undefined };
}

/** Opens a driver on a real server that says itself that it is of the wanted topology. */
export async function openOnRedis(
  target: RedisTarget,
  topology: 'standalone' | 'cluster',
): Promise<LockFixture> {
  const { connection, close } = await openRedis(target, { prefix: uniquePrefix() });
  await assertTopology(connection.client('command'), topology);
  const channels = [new LockChannel(connection), new LockChannel(connection)] as const;
  const [driver, peer] = channels.map((channel) => redisDriver(connection, channel));
  return {
    driver: driver as RedisLockDriver,
    peer: peer as RedisLockDriver,
    passTime: (ms) => serverTimePasses(connection, ms),
    relied: all,
    close: () => {
      for (const channel of channels) channel.onApplicationShutdown();
      close();
    },
  };
}

/** Opens two drivers on several masters, as two processes would. */
export async function openOnQuorum(
  nodes: readonly { readonly url: string }[],
): Promise<LockFixture> {
  const prefix = uniquePrefix();
  const [one, other] = await Promise.all([1, 2].map(() => openQuorumLocks(nodes, { prefix })));
  if (one === undefined || other === undefined) throw new Error('both were opened');
  const servers = await Promise.all(nodes.map((node) => openRedis(node)));
  return {
    driver: one.driver,
    peer: other.driver,
    passTime: async (ms) => {
      await Promise.all(servers.map(({ connection }) => serverTimePasses(connection, ms)));
    },
    // The rest is for clocks that run unevenly.
    relied: (ms) => Math.floor(0.99 * ms) - 2,
    close: () => {
      for (const opened of [one, other, ...servers]) opened.close();
    },
  };
}

/** A driver as a process of its own would have it: nothing tells two apart but the channel. */
export function redisDriver(
  connection: RedisConnection,
  channel = new LockChannel(connection),
  bounds: { readonly deadlineMs: number } = BOUNDS,
): RedisLockDriver {
  return new RedisLockDriver(connection, { ...bounds, clock: new SystemClock(), channel });
}

/** Watches the server's clock, by which keys expire. */
async function serverTimePasses(connection: RedisConnection, ms: number): Promise<void> {
  const start = await serverNow(connection);
  await eventually(async () => (await serverNow(connection)) > start + ms + 1, { intervalMs: 5 });
}

async function serverNow(connection: RedisConnection): Promise<number> {
  const [seconds, micros] = await connection.command((client) => client.time(), BOUNDS);
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}

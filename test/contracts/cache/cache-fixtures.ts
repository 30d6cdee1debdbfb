import { redisInsStore } from 'cache-manager-ioredis-yet';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import {
  IoredisYetCacheDriver,
  type IoredisYetStore,
} from '../../../src/modules/cache/cache-manager/ioredis-yet.driver.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import type { RedisConnection, RedisTarget } from '../../../src/common/redis/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';
import { assertTopology } from '../../support/redis/topology.js';

/** A driver with nothing stored in it, and the time it lives by. */
export interface CacheFixture {
  readonly driver: CacheDriver;
  /** Resolves when more than so much time has passed for the driver. */
  passTime(ms: number): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

export interface CacheSubject {
  readonly open: () => Promise<CacheFixture>;
  /** The driver keeps only what survives UTF-8: the store below it takes texts. */
  readonly textOnly?: true;
}

/** Opens a driver for the surrounding suite and empties it after each test, by its own means. */
export function useCache(open: CacheSubject['open']): () => CacheFixture {
  let cache: CacheFixture | undefined;
  const opened = (): CacheFixture => {
    if (cache === undefined) throw new Error('it only works inside of tests and their hooks');
    return cache;
  };
  beforeAll(async () => {
    cache = await open();
  });
  afterEach(async () => {
    await opened().driver.deleteMatching('*');
  });
  afterAll(() => cache?.close());
  return opened;
}

/** Bounds that a busy test machine keeps. */
const BOUNDS = { deadlineMs: 5_000 };

/** A key layout or a store on Redis, made for one connection. */
export type DriverOf = (connection: RedisConnection) => CacheDriver;

export const redisDriver: DriverOf = (connection) => new RedisCacheDriver(connection, BOUNDS);

export const ioredisYetDriver: DriverOf = (connection) => {
  // Its published type has lost the methods; see IoredisYetStore.
  const store = redisInsStore(connection.client('command')) as unknown as IoredisYetStore;
  return new IoredisYetCacheDriver(store, connection, BOUNDS);
};

export async function openMemory(): Promise<CacheFixture> {
  const clock = new FakeClock();
  const driver = new MemoryCacheDriver({ clock, maxEntries: 10_000, maxBytes: 2 ** 26 });
  const passTime = async (ms: number): Promise<void> => clock.advance(ms + 1);
  return { driver, passTime, close: () => undefined };
}

/** Opens a driver on a real server that says itself that it is of the wanted topology. */
export async function openOnRedis(
  target: RedisTarget,
  topology: 'standalone' | 'cluster',
  driverOf: DriverOf,
): Promise<CacheFixture> {
  const { connection, close } = await openRedis(target, { prefix: uniquePrefix() });
  await assertTopology(connection.client('command'), topology);
  const driver = driverOf(connection);
  return { driver, passTime: (ms) => serverTimePasses(connection, ms), close };
}

/** Watches the server's clock, by which keys expire. */
async function serverTimePasses(connection: RedisConnection, ms: number): Promise<void> {
  const start = await serverNow(connection);
  await eventually(async () => (await serverNow(connection)) > start + ms, { intervalMs: 5 });
}

async function serverNow(connection: RedisConnection): Promise<number> {
  const [seconds, micros] = await connection.command((client) => client.time(), BOUNDS);
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}

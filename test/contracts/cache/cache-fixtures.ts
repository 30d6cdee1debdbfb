import { redisInsStore } from 'cache-manager-ioredis-yet';
import type { CacheDriver } from '../../../src/modules/cache/cache.driver.js';
import {
  type ByteStore,
  byteStoreOf,
} from '../../../src/modules/cache/cache-manager/byte-store.js';
import {
  IoredisYetByteStore,
  type IoredisYetStore,
} from '../../../src/modules/cache/cache-manager/ioredis-yet.store.js';
import { MemoryCacheDriver } from '../../../src/modules/cache/drivers/memory-cache.driver.js';
import { RedisCacheDriver } from '../../../src/modules/cache/drivers/redis-cache.driver.js';
import type { RedisConnection, RedisTarget } from '../../../src/common/redis/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { openRedis } from '../../support/connect.js';
import { eventually } from '../../support/eventually.js';
import { uniquePrefix } from '../../support/redis/shared-redis.js';
import { assertTopology } from '../../support/redis/topology.js';

/** A store of bytes with nothing in it, and the time it lives by. */
export interface ByteStoreFixture {
  readonly store: ByteStore;
  /** Resolves when more than so much time has passed for the store. */
  passTime(ms: number): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

/** The same of a driver: `store` is its bytes. */
export interface CacheFixture extends ByteStoreFixture {
  readonly driver: CacheDriver;
}

export interface ByteStoreSubject<Fixture extends ByteStoreFixture = ByteStoreFixture> {
  readonly open: () => Promise<Fixture>;
  /** It keeps only what survives UTF-8: the store below it takes texts. */
  readonly textOnly?: true;
}

export type CacheSubject = ByteStoreSubject<CacheFixture>;

/** Opens a store for the surrounding suite and empties it after each test, by its own means. */
export function useByteStore<Fixture extends ByteStoreFixture>(
  open: () => Promise<Fixture>,
): () => Fixture {
  let fixture: Fixture | undefined;
  const opened = (): Fixture => {
    if (fixture === undefined) throw new Error('it only works inside of tests and their hooks');
    return fixture;
  };
  beforeAll(async () => {
    fixture = await open();
  });
  afterEach(async () => {
    await opened().store.deleteMatching('*');
  });
  afterAll(() => fixture?.close());
  return opened;
}

/** Bounds that a busy test machine keeps. */
const BOUNDS = { deadlineMs: 5_000 };

const redisDriver = (connection: RedisConnection): CacheDriver =>
  new RedisCacheDriver(connection, BOUNDS);

function ioredisYetStore(connection: RedisConnection): ByteStore {
  // Its published type has lost the methods; see IoredisYetStore.
  const store = redisInsStore(connection.client('command')) as unknown as IoredisYetStore;
  return new IoredisYetByteStore(store, connection, BOUNDS);
}

export async function openMemory(): Promise<CacheFixture> {
  const clock = new FakeClock();
  const driver = new MemoryCacheDriver({ clock, maxEntries: 10_000, maxBytes: 2 ** 26 });
  const passTime = async (ms: number): Promise<void> => clock.advance(ms + 1);
  return { driver, store: byteStoreOf(driver), passTime, close: () => undefined };
}

/** Opens a driver on a real server that says itself that it is of the wanted topology. */
export async function openOnRedis(
  target: RedisTarget,
  topology: 'standalone' | 'cluster',
): Promise<CacheFixture> {
  const { connection, ...rest } = await connect(target, topology);
  const driver = redisDriver(connection);
  return { driver, store: byteStoreOf(driver), ...rest };
}

/** As `openOnRedis`, for the store of `cache-manager-ioredis-yet`. */
export async function openIoredisYet(
  target: RedisTarget,
  topology: 'standalone' | 'cluster',
): Promise<ByteStoreFixture> {
  const { connection, ...rest } = await connect(target, topology);
  return { store: ioredisYetStore(connection), ...rest };
}

async function connect(target: RedisTarget, topology: 'standalone' | 'cluster') {
  const { connection, close } = await openRedis(target, { prefix: uniquePrefix() });
  await assertTopology(connection.client('command'), topology);
  return { connection, close, passTime: (ms: number) => serverTimePasses(connection, ms) };
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

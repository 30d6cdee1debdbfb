import { PGlite } from '@electric-sql/pglite';
import { Test, type TestingModule } from '@nestjs/testing';
import { EventStream } from '../../src/common/events/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { LockModule, LockService } from '../../src/modules/lock/index.js';
import { eventually } from '../support/eventually.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { type RedisSentinelSet, startSentinel } from '../support/redis/redis-sentinel.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';

const TTL = { ttl: '10m' } as const;
/** Of docs/lock.md. */
const WRITE = 'UPDATE report SET body = $2, fence = $3 WHERE id = $1 AND fence <= $3';

const modules: TestingModule[] = [];

// Hooks run in this order: nobody is left to miss the servers when they stop.
afterAll(() => Promise.all(modules.map((module) => module.close())));

const started = useStarted(async () => {
  const [sentinel, database] = await Promise.all([startSentinel(), PGlite.create('memory://')]);
  const stop = () => Promise.all([sentinel.stop(), database.close()]).then(() => undefined);
  return { sentinel, database, stop };
});

beforeEach(async () => {
  await started().database.exec(`
    DROP TABLE IF EXISTS report;
    CREATE TABLE report (id INT PRIMARY KEY, body TEXT NOT NULL, fence BIGINT NOT NULL);
    INSERT INTO report VALUES (1, '', 0)`);
});

/** Resolves to whether it was accepted. */
async function write(body: string, fence: number): Promise<boolean> {
  const { affectedRows } = await started().database.query(WRITE, [1, body, fence]);
  return affectedRows === 1;
}

async function report(): Promise<unknown> {
  const { rows } = await started().database.query('SELECT body, fence FROM report');
  return rows;
}

describe('a register in SQL', () => {
  it('accepts the same fence again and a greater one, and never one that is smaller', async () => {
    const fence = Date.now() * 1_000;
    expect(await write('first', fence)).toBe(true);
    expect(await write('first again', fence)).toBe(true);
    expect(await write('second', fence + 1)).toBe(true);
    expect(await write('late', fence)).toBe(false);
    expect(await report()).toEqual([{ body: 'second', fence: fence + 1 }]);
  });

  it('compares all digits', async () => {
    const fence = 2 ** 53 - 1;
    expect(await write('first', fence)).toBe(true);
    expect(await write('late', fence - 1)).toBe(false);
  });
});

describe('behind Sentinel, when the master is killed before a replica has a grant', () => {
  const prefix = uniquePrefix();

  async function start({ addresses, name }: RedisSentinelSet, replicas: number) {
    const imports = [
      RedisModule.forRoot({
        connections: { default: { sentinels: addresses, name } },
        prefix,
        bootTimeout: '10s',
        breaker: { probeInterval: 50 },
      }),
      LockModule.forRoot({ deadline: '2s', replicas }),
    ];
    const module = await Test.createTestingModule({ imports }).compile();
    modules.push(module);
    const recovered: number[] = [];
    module.get(EventStream).on('redis.recovered', ({ downMs }) => recovered.push(downMs));
    await module.init();
    return { locks: module.get(LockService), recovered };
  }

  it('its lock has two holders, and the register refuses the older; one that a replica has, has one', async () => {
    const { sentinel } = started();
    const [one, sure, other] = [
      await start(sentinel, 0),
      await start(sentinel, 1),
      await start(sentinel, 0),
    ];
    const old = await sentinel.master();
    const older = await one.locks.acquire('report', { ...TTL, wait: '10s' });
    const kept = await eventually(() => sure.locks.acquire('kept', TTL));
    await forget(sentinel, 'report');
    await old.kill();
    await sentinel.masterOtherThan(old);
    await eventually(() => other.recovered.length > 0);
    const newer = await eventually(() => other.locks.acquire('report', { ...TTL, wait: '10s' }));
    expect([older.isHeld, newer.isHeld, kept.isHeld]).toEqual([true, true, true]);
    expect(newer.fence).toBeGreaterThan(older.fence);
    expect(await write('of the newer holder', newer.fence)).toBe(true);
    expect(await write('of the older holder', older.fence)).toBe(false);
    expect(await report()).toEqual([{ body: 'of the newer holder', fence: newer.fence }]);
    expect(await eventually(() => other.locks.tryAcquire('kept', TTL))).toBeUndefined();
  });

  /** As if its replication had been under way when the master died. */
  async function forget(sentinel: RedisSentinelSet, key: string): Promise<void> {
    const master = await sentinel.master();
    const replica = sentinel.servers.find((server) => server !== master) ?? master;
    const lock = `${prefix}:lock:v1:{${key}}`;
    await queryRedis(replica.url, async (client) => {
      await eventually(async () => (await client.exists(lock)) === 1);
      await client.config('SET', 'replica-read-only', 'no');
      await client.del(lock, `${lock}:fence`);
    });
  }
});

import { Test } from '@nestjs/testing';
import { RedisModule } from '../../../src/common/redis/index.js';
import { type AcquireOptions, LockModule, LockService } from '../../../src/modules/lock/index.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../../src/common/redis/index.js';
import type { RedisTarget } from '../../../src/common/redis/index.js';
import { eventually } from '../../support/eventually.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useRedis, useStarted } from '../../support/redis/shared-redis.js';

const TTL = { ttl: '1h' } as const;
const DOWN = { code: 'E_LOCK_BACKEND_DOWN', scope: 'call' };

const master = useStarted(() => startStandalone());
const replica = useStarted(() => startStandalone());
const cluster = useRedis('cluster');

/** An application whose grants a replica has to have. */
async function open(target: RedisTarget, deadline = 2_000) {
  const redis = RedisModule.forRoot({
    connections: { default: target },
    prefix: uniquePrefix(),
    requestBudget: '10s',
    bootTimeout: '10s',
  });
  const lock = LockModule.forRoot({ deadline, replicas: 1 });
  const app = await Test.createTestingModule({ imports: [redis, lock] }).compile();
  app.enableShutdownHooks();
  await app.init();
  return app;
}

describe('a grant that a replica has to have', () => {
  let app: Awaited<ReturnType<typeof open>>;
  let locks: LockService;

  beforeAll(async () => {
    await queryRedis(replica().url, async (client) => {
      const { port } = new URL(master().url);
      await client.replicaof('127.0.0.1', port);
      await eventually(async () =>
        (await client.info('replication')).includes('master_link_status:up'),
      );
    });
    app = await open({ url: master().url });
    locks = app.get(LockService);
  });

  afterAll(() => app.close());

  it.each<readonly [form: string, key: string | readonly string[], options: AcquireOptions]>([
    ['of one key', 'job', TTL],
    ['of several keys', ['one', 'other'], TTL],
    ['of permits', 'some', { ...TTL, permits: { of: 3 } }],
  ])('%s is there when it is told', async (_form, key, options) => {
    const lock = await locks.acquire(key, options);
    await queryRedis(replica().url, async (client) => {
      for (const one of lock.keys) {
        const [found] = await client.keys(`*:lock:v1:{${one}}`);
        expect(found).toBeDefined();
      }
    });
    expect(await lock.extend()).toBe('extended');
    expect(await lock.release()).toBe('released');
  });

  it.each([
    ['a lock', TTL],
    ['permits', { ...TTL, permits: { take: 2, of: 3 } }],
  ])('is waited for when %s went to who waits as well', async (_what, options) => {
    const first = await locks.acquire('job', options);
    const second = locks.acquire('job', { ...options, wait: '1m' });
    await eventually(async () => (await locks.list(1))[0]?.queue.length === 1);
    await first.release();
    expect((await second).isHeld).toBe(true);
    expect(await (await second).release()).toBe('released');
  });

  it('is given back where the replica does not say so, and holds up no other call', async () => {
    const hurried = await open({ url: master().url }, 200);
    const connection = hurried.get<RedisConnections>(REDIS_CONNECTIONS).use('default', []);
    replica().process.freeze();
    try {
      const refused = hurried.get(LockService).acquire('frozen', TTL);
      let isSettled = false;
      refused.catch(() => undefined).finally(() => (isSettled = true));
      await eventually(async () => (await hurried.get(LockService).list(1)).length === 1);
      await connection.command((client) => client.ping(), { deadlineMs: 5_000 });
      expect(isSettled).toBe(false);
      await expect(refused).rejects.toMatchObject(DOWN);
      await eventually(async () => (await locks.list(1)).length === 0);
    } finally {
      replica().process.thaw();
      await hurried.close();
    }
    const lock = await eventually(() => locks.acquire('frozen', TTL));
    await lock.release();
  });

  it('is lost by a holder whose extensions no replica has', async () => {
    const hurried = await open({ url: master().url }, 200);
    const lock = await hurried.get(LockService).acquire('job', { ttl: 1_000 });
    replica().process.freeze();
    try {
      await expect(lock.extend('1h')).rejects.toMatchObject(DOWN);
      expect(lock.remainingMs).toBeLessThanOrEqual(1_000);
      await eventually(() => !lock.isHeld);
    } finally {
      replica().process.thaw();
      await hurried.close();
    }
  });
});

describe('replicas that have to have a grant', () => {
  it('are refused for a cluster', async () => {
    await expect(open({ cluster: cluster().addresses })).rejects.toMatchObject({
      code: 'E_INVALID_OPTION',
      option: 'lock.replicas',
    });
  });
});

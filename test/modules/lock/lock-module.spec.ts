import { Test, type TestingModule } from '@nestjs/testing';
import { RedisBudget, runInRequest } from '../../../src/common/context/index.js';
import {
  REDIS_CONNECTIONS,
  type RedisConnections,
  RedisModule,
} from '../../../src/common/redis/index.js';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import { LockModule, type LockOptions, LockService } from '../../../src/modules/lock/index.js';
import { eventually } from '../../support/eventually.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { uniquePrefix, useRedis, useStarted } from '../../support/redis/shared-redis.js';
import { type Masters, startMasters } from './quorum-fixture.js';

const TTL = { ttl: '30s' } as const;

/** Three servers that nobody asks. */
const NODES = [{ host: 'a' }, { url: 'redis://b' }, { url: 'redis://c:6380/1' }];
const SENTINELS = { sentinels: [{ host: 'd' }], name: 'main' };

function backingOf(module: TestingModule): readonly unknown[] {
  const services = module.get(ServiceRegistry).list();
  return services
    .filter(({ service }) => service === 'lock')
    .map((status) => [status.backing(), status.isServing()]);
}

describe('LockModule', () => {
  const redis = useRedis('standalone');

  async function onRedis(prefix: string, lock: LockOptions = {}): Promise<TestingModule> {
    const connections = { default: { url: redis().url } };
    const imports = [
      RedisModule.forRoot({ connections, prefix, bootTimeout: '10s' }),
      LockModule.forRoot({ deadline: '5s', ...lock }),
    ];
    return Test.createTestingModule({ imports })
      .compile()
      .then((module) => module.init());
  }

  it('without Redis locks in memory', async () => {
    const module = await Test.createTestingModule({ imports: [LockModule.forRoot()] }).compile();
    expect(backingOf(module)).toEqual([['memory', true]]);
    const locks = module.get(LockService);
    await locks.acquire('job', TTL);
    expect(await locks.tryAcquire('job', TTL)).toBeUndefined();
    await module.close();
  });

  it('takes its options from a factory', async () => {
    const module = await Test.createTestingModule({
      imports: [LockModule.forRootAsync({ useFactory: () => ({ owner: 'worker-7' }) })],
    }).compile();
    const locks = module.get(LockService);
    await locks.acquire('job', TTL);
    expect(await locks.list(1)).toMatchObject([{ owner: 'worker-7' }]);
    await module.close();
  });

  it('on Redis locks out other processes, as a holder they can see', async () => {
    const prefix = uniquePrefix();
    const [one, other] = [await onRedis(prefix, { owner: 'one' }), await onRedis(prefix)];
    expect(backingOf(one)).toEqual([['redis', true]]);
    const lock = await one.get(LockService).acquire('job', TTL);
    expect(await other.get(LockService).tryAcquire('job', TTL)).toBeUndefined();
    expect(await other.get(LockService).list(10)).toMatchObject([{ key: 'job', owner: 'one' }]);
    const waiting = other.get(LockService).acquire('job', { ...TTL, wait: '10s' });
    await lock.release();
    await using second = await waiting;
    expect(second.isHeld).toBe(true);
    await second.release();
    await Promise.all([one.close(), other.close()]);
  });

  it('charges one try to the budget of a request, and nothing else', async () => {
    const module = await onRedis(uniquePrefix());
    const locks = module.get(LockService);
    await runInRequest({ requestId: '1', redisBudget: new RedisBudget(0) }, async () => {
      await expect(locks.tryAcquire('job', TTL)).rejects.toMatchObject({
        code: 'E_LOCK_BACKEND_DOWN',
      });
      const lock = await locks.acquire('job', { ...TTL, wait: '10s' });
      expect(await lock.extend()).toBe('extended');
      expect(await lock.release()).toBe('released');
    });
    await module.close();
  });

  describe('on several masters', () => {
    type Node = Masters['nodes'][number];
    const masters = useStarted(startMasters);

    /** The default connection is nobody's: it is not opened. */
    async function onMasters(
      prefix: string,
      maxConnections: number,
      nodes: readonly { readonly url: string }[] = masters().nodes,
    ): Promise<TestingModule> {
      const connections = { default: { url: redis().url } };
      const imports = [
        RedisModule.forRoot({ connections, prefix, bootTimeout: '1s', maxConnections }),
        LockModule.forRoot({ deadline: '5s', quorum: { nodes } }),
      ];
      const module = await Test.createTestingModule({ imports }).compile();
      try {
        return await module.init();
      } catch (error) {
        module.get<RedisConnections>(REDIS_CONNECTIONS).onApplicationShutdown();
        throw error;
      }
    }

    it('locks out other processes, and says how many can be reached', async () => {
      const prefix = uniquePrefix();
      const [one, other] = [await onMasters(prefix, 3), await onMasters(prefix, 3)];
      expect(backingOf(one)).toEqual([['redis', true]]);
      const lock = await one.get(LockService).acquire('job', TTL);
      expect(await other.get(LockService).tryAcquire('job', TTL)).toBeUndefined();
      const [status] = one.get(ServiceRegistry).list();
      expect(await status?.details?.()).toEqual({ masters: 3, reachable: 3 });
      expect(await lock.release()).toBe('released');
      await Promise.all([one.close(), other.close()]);
    });

    it('stops the boot where one is there twice, or is a replica of another', async () => {
      const [one, other, third] = masters().nodes as [Node, Node, Node];
      const twice = [one, other, { url: one.url.replace('127.0.0.1', 'localhost') }];
      const refused = { code: 'E_INVALID_OPTION', option: 'lock.quorum.nodes' };
      await expect(onMasters(uniquePrefix(), 3, twice)).rejects.toMatchObject(refused);
      const { port } = new URL(one.url);
      await queryRedis(third.url, (client) => client.replicaof('127.0.0.1', Number(port)));
      try {
        await eventually(async () =>
          (await queryRedis(third.url, (client) => client.info())).includes(
            'master_link_status:up',
          ),
        );
        await expect(onMasters(uniquePrefix(), 3)).rejects.toMatchObject(refused);
      } finally {
        await queryRedis(third.url, (client) => client.replicaof('NO', 'ONE'));
      }
    });

    it('needs a connection for each, which is counted and named', async () => {
      await expect(onMasters(uniquePrefix(), 2)).rejects.toMatchObject({
        code: 'E_REDIS_CONNECTION_BUDGET',
        needed: 3,
        message: expect.stringContaining('lock-1/command 1, lock-2/command 1, lock-3') as unknown,
      });
    });
  });

  it('after the shutdown refuses with a clear error', async () => {
    const module = await onRedis(uniquePrefix());
    const locks = module.get(LockService);
    await locks.withLock('job', TTL, () => undefined);
    await module.close();
    await expect(locks.acquire('job', TTL)).rejects.toMatchObject({ code: 'E_LOCK_BACKEND_DOWN' });
  });

  it.each<readonly [option: string, options: object]>([
    ['lock.onRedisDown', { onRedisDown: 'open' }],
    ['lock.deadline', { deadline: 0 }],
    ['lock.owner', { owner: '' }],
    ['lock.owner', { owner: 'o'.repeat(201) }],
    ['lock.ttl', { ttl: '1s' }],
    ['lock.quorum.nodes', { quorum: {} }],
    ['lock.quorum.nodes', { quorum: { nodes: NODES.slice(1) } }],
    ['lock.quorum.nodes', { quorum: { nodes: [...NODES, { host: 'A', port: 6379, db: 1 }] } }],
    ['lock.quorum.nodes', { quorum: { nodes: [...NODES, { host: 'a.' }] } }],
    ['lock.quorum.nodes.3', { quorum: { nodes: [...NODES, { cluster: [{ host: 'd' }] }] } }],
    ['lock.quorum.nodes.3', { quorum: { nodes: [...NODES, SENTINELS] } }],
    ['lock.quorum.nodes.3.url', { quorum: { nodes: [...NODES, { url: 'http://d' }] } }],
    ['lock.quorum.driftFactor', { quorum: { nodes: NODES, driftFactor: -1 } }],
    ['lock.quorum.driftFactor', { quorum: { nodes: NODES, driftFactor: 0.6 } }],
    ['lock.quorum.ttl', { quorum: { nodes: NODES, ttl: '1s' } }],
    ['lock.replicas', { quorum: { nodes: NODES }, replicas: 1 }],
    ['lock.driver', { quorum: { nodes: NODES }, driver: () => ({}) }],
    ['lock.quorum', { quorum: { nodes: NODES } }],
  ])('stops the boot on a wrong %s in %j', async (option, options) => {
    const imports = [LockModule.forRoot(options as never)];
    const boot = Test.createTestingModule({ imports }).compile();
    await expect(boot).rejects.toMatchObject({ code: 'E_INVALID_OPTION', option });
  });
});

import { HealthCheckService } from '@nestjs/terminus';
import { Test, type TestingModule } from '@nestjs/testing';
import { BackplaneModule } from '../../../src/backplane.module.js';
import type { BackplaneOptions } from '../../../src/backplane.options.js';
import { type Backing, ServiceRegistry } from '../../../src/common/status/index.js';
import {
  HealthService,
  RedisHealthIndicator,
  ServicesHealthIndicator,
} from '../../../src/modules/health/index.js';
import { eventually } from '../../support/eventually.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { RedisProcess } from '../../support/redis/redis-process.js';
import { startCluster } from '../../support/redis/redis-cluster.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';
import { expectToMatch } from './health-schemas.js';

/** Where a test is not about the deadline, a busy machine may take longer than the usual one. */
const PATIENT = { deadline: '5s' } as const;
const HASTY = { deadline: '300ms' } as const;

describe('the health of an application', () => {
  const modules: TestingModule[] = [];

  afterEach(async () => {
    for (const module of modules.splice(0)) await module.close();
  });

  async function start(options: BackplaneOptions): Promise<TestingModule> {
    const imports = [BackplaneModule.forRoot({ health: PATIENT, ...options })];
    const module = await Test.createTestingModule({ imports }).compile();
    module.useLogger(false);
    modules.push(module);
    return module.init();
  }

  async function startHealth(options: BackplaneOptions): Promise<HealthService> {
    return (await start(options)).get(HealthService);
  }

  describe('without Redis', () => {
    it('is up, with Redis disabled and memory behind everything', async () => {
      const health = await startHealth({ cache: {}, throttle: {} });
      await expect(health.check()).resolves.toEqual({
        status: 'up',
        system: { redis: { status: 'disabled', available: false } },
        services: { cache: 'memory', rate_limiting: 'memory' },
      });
      await expect(health.checkRedis()).resolves.toEqual({
        status: 'disabled',
        details: { mode: 'embedded' },
      });
    });

    it('has no services where no module has any', async () => {
      const health = await startHealth({});
      await expect(health.check()).resolves.toMatchObject({ status: 'up', services: {} });
    });

    it.each([
      ['degraded', false],
      ['down', true],
    ])('is %s while a service fails that is vital: %s', async (status, isVital) => {
      const module = await start({});
      let isServing = true;
      const backing = (): Backing => (isServing ? 'database' : 'none');
      const service = { service: 'orders', backing, isServing: () => isServing, isVital };
      module.get(ServiceRegistry).register(service);
      const health = module.get(HealthService);
      await expect(health.check()).resolves.toMatchObject({
        status: 'up',
        services: { orders: 'database' },
      });
      isServing = false;
      await expect(health.check()).resolves.toMatchObject({
        status,
        services: { orders: 'none' },
      });
    });
  });

  describe('on one server', () => {
    const redis = useStarted(() => startStandalone());
    const target = () => ({
      redis: { connections: { default: { url: redis().url } }, bootTimeout: '10s' } as const,
    });

    it('is up, and tells how Redis is', async () => {
      const health = await startHealth({ ...target(), cache: {}, throttle: {} });
      const body = await health.check();
      expectToMatch(body, 'health');
      expect(body).toEqual({
        status: 'up',
        system: { redis: { status: 'healthy', available: true } },
        services: { cache: 'redis', rate_limiting: 'redis' },
      });
      const details = await health.checkRedis();
      expectToMatch(details, 'healthyRedis');
      expectToMatch(await health.checkDeep(), 'deep');
      expect(details).toMatchObject({ details: { topology: 'standalone', gate: 'closed' } });
    });

    it('asks Redis once for all checks that come together', async () => {
      const health = await startHealth(target());
      await health.checkRedis();
      const before = await pings();
      await Promise.all([
        ...Array.from({ length: 20 }, () => health.check()),
        ...Array.from({ length: 20 }, () => health.checkRedis()),
        health.checkDeep(),
      ]);
      expect((await pings()) - before).toBe(1);
      await health.check();
      expect((await pings()) - before).toBe(2);
    });

    it('stays healthy, and says what is missing, where INFO is refused', async () => {
      // ioredis says on the console that it goes without INFO.
      const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
      const user = uniquePrefix();
      await queryRedis(redis().url, (client) =>
        client.acl('SETUSER', user, 'on', '>secret', '~*', '&*', '+@all', '-info'),
      );
      const { port } = redis().process;
      const url = `redis://${user}:secret@127.0.0.1:${port}`;
      const connections = { default: { url } };
      const health = await startHealth({ redis: { connections, bootTimeout: '10s' } });
      expectToMatch(await health.checkRedis(), 'redisWithoutInfo');
      await expect(health.check()).resolves.toMatchObject({
        status: 'up',
        system: { redis: { status: 'healthy', available: true } },
      });
      warn.mockRestore();
    });

    it('serves an application that has health checks of its own', async () => {
      const module = await start(target());
      const [redisIndicator, services] = [
        module.get(RedisHealthIndicator),
        module.get(ServicesHealthIndicator),
      ];
      const terminus = await module.resolve(HealthCheckService);
      const checks = [() => redisIndicator.check('cache-redis'), () => services.check('services')];
      await expect(terminus.check(checks)).resolves.toMatchObject({
        status: 'ok',
        details: {
          'cache-redis': { status: 'up', available: true, state: 'healthy' },
          services: { status: 'up', backing: {} },
        },
      });
    });

    it('is unhealthy when one of several deployments is away, and tells which', async () => {
      const away = await RedisProcess.start();
      await away.stop();
      const connections = { default: { url: redis().url }, cache: { url: away.url } };
      const health = await startHealth({
        redis: { connections, bootTimeout: '1s' },
        cache: {},
        throttle: {},
      });
      await expect(health.check()).resolves.toEqual({
        status: 'degraded',
        system: { redis: { status: 'unhealthy', available: false } },
        services: { cache: 'memory', rate_limiting: 'redis' },
      });
      await expect(health.checkRedis()).resolves.toMatchObject({
        details: {
          ping_ms: expect.any(Number),
          named: { cache: { gate: 'open', reason: 'ECONNREFUSED' } },
        },
      });
    });

    async function pings(): Promise<number> {
      const stats = await queryRedis(redis().url, (client) => client.info('commandstats'));
      return Number(/cmdstat_ping:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    }
  });

  describe('on a server that fails', () => {
    const redis = useStarted(() => RedisProcess.start());

    it('names the failure of now, not an earlier one', async () => {
      const { url } = redis();
      const connections = { default: { url } };
      const module = await start({ redis: { connections }, cache: {}, health: HASTY });
      const health = module.get(HealthService);
      await redis().kill();
      await eventually(async () => {
        const body = await health.checkRedis();
        expectToMatch(body, 'unhealthyRedis');
        expect(body).toMatchObject({ details: { reason: 'ECONNREFUSED' } });
      });
      await redis().restart();
      await eventually(async () => (await health.check()).status === 'up');
      redis().freeze();
      await expect(health.checkRedis()).resolves.toMatchObject({ details: { reason: 'deadline' } });
      redis().thaw();
    });
  });

  describe('on a cluster', () => {
    const redis = useStarted(() => startCluster());
    const MIB = 1024 * 1024;

    it('adds up the masters', async () => {
      const limits = [100 * MIB, 200 * MIB, 300 * MIB];
      await Promise.all(
        redis().nodes.map(({ url }, index) =>
          queryRedis(url, (client) => client.config('SET', 'maxmemory', String(limits[index]))),
        ),
      );
      const health = await startHealth(target());
      // The connection that asks is not the one that the boot waits for.
      await eventually(async () => (await health.checkRedis()).status === 'healthy');
      const body = await health.checkRedis();
      expectToMatch(body, 'healthyRedis');
      expect(body).toMatchObject({
        details: { topology: 'cluster', memory: { max_bytes: 600 * MIB } },
      });
      const [first] = redis().nodes;
      const info = await queryRedis(String(first?.url), (client) => client.info('memory'));
      const one = Number(/used_memory:(\d+)/.exec(info)?.[1]);
      const { memory } = body.details as { memory: { used_bytes: number } };
      expect(memory.used_bytes).toBeGreaterThan(2 * one);
    });

    it('is unhealthy when one of the masters does not answer', async () => {
      const health = await startHealth({ ...target(), health: HASTY });
      const [, second] = redis().nodes;
      second?.freeze();
      const body = await health.checkRedis();
      second?.thaw();
      expectToMatch(body, 'unhealthyRedis');
    });

    const target = () => ({
      redis: {
        connections: { default: { cluster: redis().addresses } },
        bootTimeout: '10s',
      } as const,
    });
  });
});

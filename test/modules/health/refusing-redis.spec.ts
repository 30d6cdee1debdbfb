import { ThrottleService } from '../../../src/modules/throttle/index.js';
import { Test, type TestingModule } from '@nestjs/testing';
import { BackplaneModule } from '../../../src/backplane.module.js';
import type { BackplaneOptions } from '../../../src/backplane.options.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../../src/common/redis/index.js';
import { ServiceRegistry } from '../../../src/common/status/index.js';
import { HealthService } from '../../../src/modules/health/index.js';
import { eventually } from '../../support/eventually.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { useStarted } from '../../support/redis/shared-redis.js';
import { expectToMatch } from './health-schemas.js';

type Command = readonly [string, ...string[]];

interface Refusal {
  readonly word: string;
  readonly begin: Command;
  readonly end: Command;
}

/** Servers that answer every ping and refuse every write. */
const REFUSALS: readonly Refusal[] = [
  {
    word: 'NOREPLICAS',
    begin: ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
    end: ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
  },
  {
    word: 'READONLY',
    // Of nobody: the data stays, and writes are refused as on any replica.
    begin: ['REPLICAOF', '127.0.0.1', '1'],
    end: ['REPLICAOF', 'NO', 'ONE'],
  },
  {
    word: 'OOM',
    begin: ['CONFIG', 'SET', 'maxmemory', '1'],
    end: ['CONFIG', 'SET', 'maxmemory', '0'],
  },
];

const CLOSED = { limit: 5, window: '1m', onRedisDown: 'closed' } as const;

describe('the health on a server that answers pings and refuses writes', () => {
  const redis = useStarted(() => startStandalone());
  let module: TestingModule | undefined;

  afterEach(async () => {
    await module?.close();
    for (const { end } of REFUSALS) await tell(end);
  });

  async function start(options: BackplaneOptions = {}): Promise<TestingModule> {
    const connections = { default: { url: redis().url } };
    const imports = [
      BackplaneModule.forRoot({
        redis: { connections, bootTimeout: '10s' },
        health: { deadline: '5s' },
        cache: {},
        ...options,
      }),
    ];
    module = await Test.createTestingModule({ imports }).compile();
    module.useLogger(false);
    return module.init();
  }

  async function tell([name, ...args]: Command): Promise<void> {
    await queryRedis(redis().url, (client) => client.call(name, ...args));
  }

  /** Writes until the gate has noticed; the fallback answers every one of them. */
  async function untilAway(app: TestingModule): Promise<void> {
    await eventually(async () => {
      await app.get(ThrottleService).consume('user:1', { name: 'any', limit: 9_999, window: '1m' });
      const [connection] = app.get<RedisConnections>(REDIS_CONNECTIONS).list();
      expect(connection?.gate.isClosed).toBe(false);
    });
  }

  it.each(REFUSALS)('is degraded and says $word', async ({ word, begin, end }) => {
    const app = await start({ throttle: {} });
    const health = app.get(HealthService);
    await tell(begin);
    await untilAway(app);
    await eventually(async () => {
      const body = await health.check();
      expectToMatch(body, 'health');
      expect(body).toEqual({
        status: 'degraded',
        system: { redis: { status: 'unhealthy', available: false } },
        services: { cache: 'memory', rate_limiting: 'memory' },
      });
      const details = await health.checkRedis();
      expectToMatch(details, 'refusingRedis');
      expect(details).toMatchObject({ details: { reason: word } });
    });
    await tell(end);
    await eventually(async () => {
      expect(await health.check()).toEqual({
        status: 'up',
        system: { redis: { status: 'healthy', available: true } },
        services: { cache: 'redis', rate_limiting: 'redis' },
      });
    });
  });

  it.each([
    ['down', 'the default limit', { default: CLOSED }],
    ['degraded', 'a default limit in shadow', { default: { ...CLOSED, shadow: true } }],
    ['degraded', 'a limit by route', { routes: [{ path: '/login', ...CLOSED }] }],
  ] as const)('is %s while %s is closed', async (status, _which, throttle) => {
    const app = await start({ throttle });
    const health = app.get(HealthService);
    await expect(health.check()).resolves.toMatchObject({ status: 'up' });
    await tell(REFUSALS[0]?.begin as Command);
    await untilAway(app);
    await expect(health.check()).resolves.toMatchObject({
      status,
      services: { rate_limiting: 'memory' },
    });
  });

  it('is degraded while a service is not where it is meant to be, although Redis is well', async () => {
    const app = await start();
    let backing: 'redis' | 'memory' = 'redis';
    app.get(ServiceRegistry).register({
      service: 'orders',
      backing: () => backing,
      isServing: () => true,
      intended: 'redis',
    });
    const health = app.get(HealthService);
    await expect(health.check()).resolves.toMatchObject({ status: 'up' });
    backing = 'memory';
    await expect(health.check()).resolves.toMatchObject({
      status: 'degraded',
      system: { redis: { status: 'healthy', available: true } },
      services: { cache: 'redis', orders: 'memory' },
    });
  });
});

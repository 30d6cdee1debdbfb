import { type DynamicModule, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { BackplaneModule } from '../../src/backplane.module.js';
import type { BackplaneOptions } from '../../src/backplane.options.js';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import {
  REDIS_CONNECTIONS,
  type RedisConnections,
  RedisModule,
} from '../../src/common/redis/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { CacheModule, CacheService } from '../../src/modules/cache/index.js';
import { HealthModule, HealthService } from '../../src/modules/health/index.js';
import { LockService } from '../../src/modules/lock/index.js';
import { PubSubService } from '../../src/modules/pubsub/index.js';
import { QueueService } from '../../src/modules/queue/index.js';
import { SessionService } from '../../src/modules/session/index.js';
import { ThrottleModule, ThrottleService } from '../../src/modules/throttle/index.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';

/** What proves that a module is there. */
const SERVICE_OF = {
  cache: CacheService,
  throttle: ThrottleService,
  session: SessionService,
  lock: LockService,
  queue: QueueService,
  pubsub: PubSubService,
  health: HealthService,
};

type Part = keyof typeof SERVICE_OF;

const PARTS = Object.keys(SERVICE_OF) as readonly Part[];

/** Bounds that a busy test machine keeps. */
const BOUNDS = { deadlineMs: 5_000 };

describe('BackplaneModule', () => {
  const redis = useStarted(() => startStandalone());
  const modules: TestingModule[] = [];

  afterEach(async () => {
    for (const module of modules.splice(0)) await module.close();
  });

  const redisOptions = () => ({
    connections: { default: { url: redis().url } },
    prefix: uniquePrefix(),
    bootTimeout: '10s' as const,
  });

  async function start(...imports: readonly DynamicModule[]): Promise<TestingModule> {
    const module = await Test.createTestingModule({ imports: [...imports] }).compile();
    modules.push(module);
    return module.init();
  }

  describe('forRoot', () => {
    const alone = PARTS.map((part) => [part]);
    const others = PARTS.map((part) => PARTS.filter((other) => other !== part));
    const subsets = [[], PARTS, ...alone, ...others];
    const each = subsets.flatMap((parts) => [[...parts], [...parts, 'redis']]);

    it.each(each.map((parts) => [parts.join(' + '), parts] as const))(
      'imports what is asked for and nothing else: %s',
      async (_title, parts) => {
        const asked = new Set<string>(parts);
        const options: BackplaneOptions = {
          ...(asked.has('redis') ? { redis: redisOptions() } : {}),
          ...Object.fromEntries(PARTS.filter((part) => asked.has(part)).map((part) => [part, {}])),
        };
        const module = await start(BackplaneModule.forRoot(options));
        expect(PARTS.filter((part) => has(module, SERVICE_OF[part]))).toEqual(
          PARTS.filter((part) => asked.has(part)),
        );
        expect(has(module, REDIS_CONNECTIONS)).toBe(asked.has('redis'));
      },
    );
  });

  describe('forRootAsync', () => {
    it('imports every module and takes the options from a factory', async () => {
      @Module({ providers: [{ provide: 'TTL', useValue: '70s' }], exports: ['TTL'] })
      class SettingsModule {}
      const module = await start(
        BackplaneModule.forRootAsync({
          imports: [SettingsModule],
          inject: ['TTL'],
          useFactory: async (ttl: '70s') => ({
            cache: { ttl, deadline: '5s' },
            redis: redisOptions(),
          }),
        }),
      );
      const connections = module.get<RedisConnections>(REDIS_CONNECTIONS);
      const cache = module.get(CacheService);
      await cache.set('a', 1);
      const connection = connections.use('default', ['command']);
      const keys = await connection.command(
        (client) => client.keys(`${connections.options.prefix}:cache:*{a}`),
        BOUNDS,
      );
      const ttlMs = await connection.command((client) => client.pttl(String(keys[0])), BOUNDS);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(70_000);
      expect(PARTS.every((part) => has(module, SERVICE_OF[part]))).toBe(true);
      expect(backings(module)).toEqual({
        cache: 'redis',
        rate_limiting: 'redis',
        lock: 'redis',
        session_storage: 'redis',
        pubsub: 'redis',
        queue: 'redis',
      });
    });

    it('runs on memory where the factory gives no Redis', async () => {
      const module = await start(BackplaneModule.forRootAsync({ useFactory: () => ({}) }));
      expect(module.get(REDIS_CONNECTIONS)).toBeUndefined();
      expect(backings(module)).toEqual({
        cache: 'memory',
        rate_limiting: 'memory',
        lock: 'memory',
        session_storage: 'memory',
        pubsub: 'memory',
        queue: 'database',
      });
      await expect(module.get(HealthService).check()).resolves.toMatchObject({ status: 'up' });
    });
  });

  describe('its modules', () => {
    it.each<[Part, () => DynamicModule, () => DynamicModule]>([
      ['cache', () => CacheModule.forRoot(), () => async(CacheModule)],
      ['throttle', () => ThrottleModule.forRoot(), () => async(ThrottleModule)],
      ['health', () => HealthModule.forRoot(), () => async(HealthModule)],
    ])('can be imported one by one: %s', async (part, forRoot, forRootAsync) => {
      for (const imported of [forRoot(), forRootAsync()]) {
        const alone = await start(imported);
        expect(has(alone, SERVICE_OF[part])).toBe(true);
        const onRedis = await start(RedisModule.forRoot(redisOptions()), imported);
        const used = Object.values(backings(onRedis));
        expect(used).toEqual(part === 'health' ? [] : ['redis']);
      }
    });

    it('find Redis whatever the order of imports', async () => {
      const module = await start(CacheModule.forRoot(), RedisModule.forRoot(redisOptions()));
      expect(backings(module)).toEqual({ cache: 'redis' });
    });
  });

  describe('stops the boot and names what is wrong', () => {
    const wrong = (part: object) => part as BackplaneOptions;

    it.each<[string, BackplaneOptions]>([
      ['cache.ttl', wrong({ cache: { ttl: 'soon' } })],
      ['cache.maxEntrys', wrong({ cache: { maxEntrys: 3 } })],
      ['cache.fallback', wrong({ cache: { fallback: 'disk' } })],
      ['throttle.default.limit', wrong({ throttle: { default: { limit: 0, window: '1m' } } })],
      ['throttle.default.window', wrong({ throttle: { default: { limit: 1 } } })],
      [
        'throttle.routes.0.path',
        wrong({ throttle: { routes: [{ path: 'a', limit: 1, window: 1 }] } }),
      ],
      ['health.deadline', wrong({ health: { deadline: 0 } })],
      ['redis.connections.default', wrong({ redis: { connections: { default: {} } } })],
      [
        'redis.connections.default.url',
        wrong({ redis: { connections: { default: { url: 'http://a' } } } }),
      ],
      [
        'redis.connections.default',
        wrong({ redis: { connections: { default: { url: 'redis://a', host: 'a' } } } }),
      ],
      [
        'redis.connections.session',
        wrong({ redis: { connections: { default: { host: 'a' }, session: { host: 'a' } } } }),
      ],
      ['redis.prefix', wrong({ redis: { connections: { default: { host: 'a' } }, prefix: 'a*' } })],
      [
        'redis.breaker.failureThreshold',
        wrong({
          redis: { connections: { default: { host: 'a' } }, breaker: { failureThreshold: 0 } },
        }),
      ],
    ])('%s', async (option, options) => {
      const boots = [
        () => start(BackplaneModule.forRoot(options)),
        () => start(BackplaneModule.forRootAsync({ useFactory: () => options })),
      ];
      for (const boot of boots) {
        const refusal: unknown = await boot().catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(InvalidOptionError);
        expect(refusal).toMatchObject({ option });
      }
    });
  });
});

interface Asyncable {
  forRootAsync(options: { readonly useFactory: () => object }): DynamicModule;
}

function async(module: Asyncable): DynamicModule {
  return module.forRootAsync({ useFactory: () => ({}) });
}

function has(module: TestingModule, token: Parameters<TestingModule['get']>[0]): boolean {
  try {
    return module.get(token, { strict: false }) !== undefined;
  } catch {
    return false;
  }
}

function backings(module: TestingModule): Readonly<Record<string, string>> {
  const services = module.get(ServiceRegistry, { strict: false }).list();
  return Object.fromEntries(services.map(({ service, backing }) => [service, backing()]));
}

import type { DynamicModule } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { BackplaneModule } from '../../src/backplane.module.js';
import type { BackplaneOptions } from '../../src/backplane.options.js';
import { CoreModule } from '../../src/common/core.module.js';
import { InvalidOptionError } from '../../src/common/errors/index.js';
import { REDIS_CONNECTIONS, type RedisConnections } from '../../src/common/redis/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { CLOCK, type Clock } from '../../src/common/time/index.js';
import { CacheDriver, CacheModule, CacheService } from '../../src/modules/cache/index.js';
import { MemoryCacheDriver } from '../../src/modules/cache/drivers/memory-cache.driver.js';
import { HealthService } from '../../src/modules/health/index.js';
import { LockService } from '../../src/modules/lock/index.js';
import { MemoryLockDriver } from '../../src/modules/lock/drivers/memory-lock.driver.js';
import { type PubSubDriverContext, PubSubService } from '../../src/modules/pubsub/index.js';
import { SessionModule, SessionService } from '../../src/modules/session/index.js';
import { MemorySessionDriver } from '../../src/modules/session/drivers/memory-session.driver.js';
import { ThrottleService } from '../../src/modules/throttle/index.js';
import { MemoryThrottleDriver } from '../../src/modules/throttle/drivers/memory-throttle.driver.js';
import { FakeClock, TestingBackplaneModule } from '../../src/testing/index.js';
import { eventually } from '../support/eventually.js';
import { LogPubSubDriver, recording } from './custom-drivers.js';

const LIMITS = { maxEntries: 100, maxBytes: 10_000 };
const LIMIT = { name: 'login', limit: 1, window: '1m' } as const;

/** Nobody listens there: whoever asked it would wait for it, and fail. */
const NO_REDIS = { connections: { default: { url: 'redis://127.0.0.1:1' } } };

const SERVICES = ['cache', 'rate_limiting', 'lock', 'session_storage', 'pubsub'];

function drivers(calls: string[]): Required<Omit<BackplaneOptions, 'redis' | 'queue' | 'health'>> {
  return {
    cache: {
      driver: ({ clock }) => recording(new MemoryCacheDriver({ clock, ...LIMITS }), calls),
    },
    throttle: {
      driver: async ({ clock }) =>
        recording(new MemoryThrottleDriver({ clock, maxCounters: 10, maxHits: 100 }), calls),
    },
    lock: { driver: ({ clock }) => recording(new MemoryLockDriver(clock), calls) },
    session: {
      driver: ({ clock }) => recording(new MemorySessionDriver({ clock, maxSessions: 10 }), calls),
    },
    pubsub: { driver: (context) => recording(new LogPubSubDriver(context), calls) },
  };
}

describe('a driver of the application', () => {
  const opened: TestingModule[] = [];

  afterEach(async () => {
    for (const module of opened.splice(0)) await module.close();
  });

  async function start(...imports: readonly DynamicModule[]): Promise<TestingModule> {
    const module = await Test.createTestingModule({ imports: [CoreModule, ...imports] }).compile();
    opened.push(module);
    return module.init();
  }

  const backings = (module: TestingModule) =>
    Object.fromEntries(
      module
        .get(ServiceRegistry)
        .list()
        .map(({ service, backing }) => [service, backing()]),
    );

  it('answers what its service is asked, in place of a configured Redis', async () => {
    const calls: string[] = [];
    const module = await start(BackplaneModule.forRoot({ redis: NO_REDIS, ...drivers(calls) }));
    await module.get(CacheService).set('key', 'value');
    // What was stored is known to be there still: this driver tells of all changes.
    expect(await module.get(CacheService).get('key')).toBe('value');
    expect(await module.get(CacheService).get('other')).toBeUndefined();
    expect((await module.get(ThrottleService).consume('ada', LIMIT)).allowed).toBe(true);
    const lock = await module.get(LockService).acquire('job', { ttl: '1m' });
    const { session } = await module.get(SessionService).create({ userId: 'ada' });
    await module.get(PubSubService).publish('orders', { id: 7 });
    expect(await lock.release()).toBe('released');
    expect(await module.get(SessionService).get(session.id)).toMatchObject({ userId: 'ada' });
    const expected = 'set get consume acquire create publish release get';
    expect(calls.join(' ')).toBe(expected);
  });

  it('is what health says backs the service, and opens no connection', async () => {
    const module = await start(BackplaneModule.forRoot({ redis: NO_REDIS, ...drivers([]) }));
    const custom = Object.fromEntries(SERVICES.map((service) => [service, 'custom']));
    expect(backings(module)).toEqual(custom);
    expect(module.get<RedisConnections>(REDIS_CONNECTIONS).plan()).toEqual([]);
  });

  it('is well for health, which has no other backing in mind', async () => {
    const module = await start(BackplaneModule.forRoot({ ...drivers([]), health: {} }));
    const { status, services } = await module.get(HealthService).check();
    expect([status, services['lock']]).toEqual(['up', 'custom']);
  });

  it('goes by the clock of the test', async () => {
    const module = await start(TestingBackplaneModule.forRoot(drivers([])));
    const cache = module.get(CacheService);
    await cache.set('key', 'value', { ttl: '1m' });
    module.get(FakeClock).advance(59_999);
    expect(await cache.get('key')).toBe('value');
    module.get(FakeClock).advance(2);
    expect(await cache.get('key')).toBeUndefined();
  });

  it('may be made of what the application injects', async () => {
    const made = (clock: Clock) => new MemoryCacheDriver({ clock, ...LIMITS });
    const module = await start(
      CacheModule.forRootAsync({
        inject: [CLOCK],
        useFactory: (clock: Clock) => ({ driver: () => made(clock) }),
      }),
    );
    expect(module.get(CacheDriver)).toBeInstanceOf(MemoryCacheDriver);
    expect(backings(module)).toEqual({ cache: 'custom' });
  });

  it('is closed by the hooks of Nest it has', async () => {
    const hooks: string[] = [];
    const driver = ({ clock }: { readonly clock: Clock }) =>
      Object.assign(new MemoryCacheDriver({ clock, ...LIMITS }), {
        onModuleInit: () => hooks.push('init'),
        onApplicationShutdown: () => hooks.push('shutdown'),
      });
    const module = await start(CacheModule.forRoot({ driver }));
    expect(hooks).toEqual(['init']);
    await module.close();
    expect(hooks).toEqual(['init', 'shutdown']);
  });

  it('rejects with what it rejects with', async () => {
    const driver = () => ({
      get: () => Promise.reject(new Error('disk full')),
      begin: () => Promise.reject(new Error('disk full')),
      set: () => Promise.resolve('stored' as const),
      cancel: () => Promise.resolve('current' as const),
      purge: () => Promise.resolve(),
      delete: () => Promise.resolve(0),
      deleteMatching: () => Promise.resolve(0),
    });
    const module = await start(CacheModule.forRoot({ driver }));
    await expect(module.get(CacheService).get('key')).rejects.toThrow('disk full');
  });

  describe('stops the boot', () => {
    it('when its factory fails', async () => {
      const driver = () => Promise.reject(new Error('no such table'));
      await expect(start(CacheModule.forRoot({ driver }))).rejects.toThrow('no such table');
    });

    it.each(['cache', 'throttle', 'lock', 'session', 'pubsub'])(
      'when the factory of %s makes nothing, or is none',
      async (name) => {
        for (const driver of [() => undefined, {}]) {
          const options = { [name]: { driver } } as BackplaneOptions;
          const refused = start(BackplaneModule.forRoot(options));
          await expect(refused).rejects.toMatchObject({
            code: 'E_INVALID_OPTION',
            option: `${name}.driver`,
          });
        }
      },
    );

    it('where sessions are to be kept in memory as well', async () => {
      const options = { ...drivers([]).session, storage: 'memory' } as const;
      await expect(start(SessionModule.forRoot(options))).rejects.toThrow(InvalidOptionError);
    });
  });
});

describe('a pub/sub driver of the application', () => {
  it('gives each handler its own event once, and lists the channels with one', async () => {
    const module = await Test.createTestingModule({
      imports: [TestingBackplaneModule.forRoot(drivers([]))],
    }).compile();
    const pubsub = module.get(PubSubService);
    const seen: unknown[] = [];
    await pubsub.subscribe<{ id: number }>('orders', (order, event) => {
      seen.push([order.id, event.publishedAt]);
      order.id = 0;
    });
    await pubsub.subscribePattern<{ id: number }>('ord*', (order) => seen.push(order.id));
    const outcome = await pubsub.publish('orders', { id: 7 });
    expect(outcome).toMatchObject({ backing: 'custom', delivery: 'sent' });
    await eventually(() => seen.length === 2);
    expect(seen).toEqual([[7, module.get(FakeClock).now()], 7]);
    expect(await pubsub.recent()).toMatchObject([{ channel: 'orders', payload: { id: 7 } }]);
    expect(await pubsub.channels()).toMatchObject([{ channel: 'orders', subscribers: 1 }]);
    await module.close();
  });

  it('cannot seal an event at half a millisecond', async () => {
    const { head, id, channel } = { head: '{"v":1', id: 'a', channel: 'b' };
    let seal: PubSubDriverContext['seal'] | undefined;
    const driver = (context: PubSubDriverContext) => {
      ({ seal } = context);
      return new LogPubSubDriver(context);
    };
    const module = await Test.createTestingModule({
      imports: [TestingBackplaneModule.forRoot({ pubsub: { driver } })],
    }).compile();
    expect(() => seal?.({ head, id, channel }, 0.5)).toThrow(InvalidOptionError);
    await module.close();
  });
});

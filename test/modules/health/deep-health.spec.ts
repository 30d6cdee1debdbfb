import { Test, type TestingModule } from '@nestjs/testing';
import { BackplaneModule } from '../../../src/backplane.module.js';
import type { BackplaneOptions } from '../../../src/backplane.options.js';
import { type Details, ServiceRegistry } from '../../../src/common/status/index.js';
import { CacheService } from '../../../src/modules/cache/index.js';
import { SessionService } from '../../../src/modules/session/index.js';
import { HealthService } from '../../../src/modules/health/index.js';
import { uniquePrefix, useRedis } from '../../support/redis/shared-redis.js';
import { expectToMatch } from './health-schemas.js';

const DEADLINE_MS = 100;
/** What a busy machine may add to the deadline. */
const PATIENCE_MS = 1_000;
const SECRET = 'hunter2';

describe('the deep health of an application', () => {
  let module: TestingModule;

  afterEach(() => module.close());

  async function start(options: BackplaneOptions): Promise<TestingModule> {
    const health = { deadline: `${DEADLINE_MS}ms` } as const;
    const imports = [BackplaneModule.forRoot({ health, ...options })];
    module = await Test.createTestingModule({ imports }).compile();
    module.useLogger(false);
    return module.init();
  }

  function register(service: string, details: () => Promise<Details>): void {
    const status = { backing: () => 'memory' as const, isServing: () => true };
    module.get(ServiceRegistry).register({ service, ...status, details });
  }

  describe('without Redis', () => {
    it('tells of the process, of no pools, and of what backs each service', async () => {
      await start({ cache: {}, throttle: {} });
      const body = await module.get(HealthService).checkDeep();
      expectToMatch(body, 'embeddedDeep');
      expect(body).toMatchObject({
        status: 'up',
        services: { cache: 'memory', rate_limiting: 'memory' },
        pools: { planned_connections: 0, max_connections: null, redis: [] },
        details: { cache: { hits: 0, misses: 0, hit_ratio: null } },
      });
    });

    it('tells how many look-ups of the cache were hits', async () => {
      await start({ cache: {} });
      const cache = module.get(CacheService);
      await cache.get('lamp');
      await cache.set('lamp', 1);
      for (let asked = 0; asked < 3; asked += 1) await cache.get('lamp');
      await expect(module.get(HealthService).checkDeep()).resolves.toMatchObject({
        details: { cache: { hits: 3, misses: 1, hit_ratio: 0.75 } },
      });
    });

    it('tells how many sessions are live', async () => {
      await start({ session: {} });
      const sessions = module.get(SessionService);
      const { session } = await sessions.create({ userId: 'ada' });
      await sessions.create({ userId: 'bob' });
      await sessions.destroy(session.id);
      await expect(module.get(HealthService).checkDeep()).resolves.toMatchObject({
        details: { session_storage: { active: 1 } },
      });
    });

    it('shows what services tell, and only those that tell anything', async () => {
      await start({ cache: {}, throttle: {} });
      register('session_storage', async () => ({ active: 12 }));
      register('queue', async () => ({ mails: { waiting: 3, failed: 0 } }));
      const { details } = await module.get(HealthService).checkDeep();
      expect(details).toEqual({
        cache: expect.any(Object),
        session_storage: { active: 12 },
        queue: { mails: { waiting: 3, failed: 0 } },
      });
    });

    it('shows those as unavailable that are slow, fail, or cannot be written as JSON', async () => {
      await start({});
      register('well', async () => ({ active: 1 }));
      register('slow', () => new Promise(() => undefined));
      register('failing', () => Promise.reject(new Error(`redis://:${SECRET}@cache.internal`)));
      register('throwing', () => {
        throw new Error(SECRET);
      });
      register('strange', async () => ({ active: 1n }));
      const startedAt = performance.now();
      const body = await module.get(HealthService).checkDeep();
      expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS + PATIENCE_MS);
      expectToMatch(body, 'embeddedDeep');
      const unavailable = { status: 'unavailable' };
      expect(body).toMatchObject({
        status: 'up',
        details: {
          well: { active: 1 },
          slow: unavailable,
          failing: unavailable,
          throwing: unavailable,
          strange: unavailable,
        },
      });
      expect(JSON.stringify(body)).not.toMatch(/hunter2|internal/);
    });

    it('never asks a service again that has not answered yet', async () => {
      await start({});
      let answer: (details: Details) => void = () => undefined;
      const details = jest.fn(() => new Promise<Details>((resolve) => (answer = resolve)));
      register('slow', details);
      const health = module.get(HealthService);
      await Promise.all([health.checkDeep(), health.checkDeep()]);
      await health.checkDeep();
      expect(details).toHaveBeenCalledTimes(1);
      answer({ active: 1 });
      details.mockResolvedValue({ active: 2 });
      await health.checkDeep();
      await expect(health.checkDeep()).resolves.toMatchObject({ details: { slow: { active: 2 } } });
    });
  });

  describe('on Redis', () => {
    const redis = useRedis('standalone');

    it('tells of the connections, of the calls, and nothing that should stay inside', async () => {
      const { url } = redis();
      const prefix = uniquePrefix();
      await start({
        redis: { connections: { default: { url } }, prefix, maxConnections: 9, bootTimeout: '10s' },
        cache: { deadline: '5s' },
        health: { deadline: '5s' },
      });
      await module.get(CacheService).set('lamp-of-alice', 1);
      const body = await module.get(HealthService).checkDeep();
      expectToMatch(body, 'deep');
      expect(body).toMatchObject({
        pools: {
          planned_connections: 3,
          max_connections: 9,
          redis: [
            { connection: 'default', gate: 'closed', connections: 3, calls: 1, in_flight: 0 },
          ],
        },
      });
      const { host, port } = new URL(url);
      for (const inside of [host, `:${port}`, prefix, 'alice']) {
        expect(JSON.stringify(body)).not.toContain(inside);
      }
    });
  });
});

import { type BeforeApplicationShutdown, Controller, Get, Injectable } from '@nestjs/common';
import { createBackend } from '../../src/app/create-backend.js';
import { BackplaneModule } from '../../src/backplane.module.js';
import { loadConfig } from '../../src/common/config/index.js';
import { expectToMatch } from '../modules/health/health-schemas.js';
import { listen, type Platform, PLATFORMS, startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { RedisProcess } from '../support/redis/redis-process.js';
import { useStarted } from '../support/redis/shared-redis.js';
import { timed } from '../support/stalls.js';

/** What the issue allows for an answer of /health while Redis is frozen. */
const SLOWEST_HEALTH_MS = 600;

const PATHS = ['/health', '/health/live', '/health/ready', '/health/redis', '/health/deep'];

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What lies where the application was told Redis is: nothing. */
const NOBODY = 'redis://127.0.0.1:1';

@Controller('lamps')
class LampsController {
  @Get()
  list(): readonly string[] {
    return [];
  }
}

/** Keeps the application in its shutdown until a test lets it go. */
@Injectable()
class Doorkeeper implements BeforeApplicationShutdown {
  letGo: () => void = () => undefined;
  readonly #held = new Promise<void>((resolve) => (this.letGo = resolve));

  async beforeApplicationShutdown(): Promise<void> {
    await this.#held;
  }
}

/** What backs the services of the backend. */
const EMBEDDED = {
  cache: 'memory',
  rate_limiting: 'memory',
  lock: 'memory',
  session_storage: 'memory',
  pubsub: 'memory',
  queue: 'database',
};
const ON_REDIS = {
  cache: 'redis',
  rate_limiting: 'redis',
  lock: 'redis',
  session_storage: 'redis',
  pubsub: 'redis',
  queue: 'redis',
};
/** Configured, and away: each does what its failure policy says. */
const WITHOUT_REDIS = {
  cache: 'memory',
  rate_limiting: 'memory',
  lock: 'none',
  session_storage: 'none',
  pubsub: 'memory',
  queue: 'none',
};

describe.each(PLATFORMS)('GET /health on %s', (platform) => {
  let server: TestApp;

  afterEach(() => server.close());

  describe('in embedded mode', () => {
    beforeEach(async () => {
      server = await startBackend(platform, {});
    });

    it('is up, with Redis disabled', async () => {
      await expect(get('/health')).resolves.toEqual({
        status: 200,
        body: {
          status: 'up',
          system: { redis: { status: 'disabled', available: false } },
          services: EMBEDDED,
        },
      });
      await expect(get('/health/ready')).resolves.toEqual({ status: 200, body: { status: 'up' } });
      await expect(get('/health/live')).resolves.toEqual({ status: 200, body: { status: 'up' } });
      await expect(get('/health/redis')).resolves.toEqual({
        status: 200,
        body: { status: 'disabled', details: { mode: 'embedded' } },
      });
    });

    it('is never stored by anything on the way', async () => {
      for (const path of PATHS) {
        const { headers } = await fetch(`${server.url}${path}`);
        expect(headers.get('cache-control')).toBe('no-store');
        expect(headers.get('content-type')).toMatch(/^application\/json/);
      }
    });
  });

  describe('on Redis', () => {
    const redis = useStarted(() => RedisProcess.start());

    beforeEach(async () => {
      server = await startBackend(platform, { REDIS_URL: redis().url });
      await eventually(async () => (await get('/health/redis')).status === 200);
    });

    it('is up, with Redis healthy and behind everything', async () => {
      // Again where a busy machine missed the deadline of a check.
      await eventually(async () => {
        const { status, body } = await get('/health');
        expectToMatch(body, 'health');
        expect({ status, body }).toEqual({
          status: 200,
          body: {
            status: 'up',
            system: { redis: { status: 'healthy', available: true } },
            services: ON_REDIS,
          },
        });
      });
      await eventually(async () => {
        expectToMatch((await get('/health/redis')).body, 'healthyRedis');
        expectToMatch((await get('/health/deep')).body, 'deep');
      });
    });

    it('is degraded and still 200 when Redis was killed, with memory behind everything', async () => {
      await redis().kill();
      await expectDegraded();
      await expect(get('/health/ready')).resolves.toEqual({
        status: 200,
        body: { status: 'degraded' },
      });
      const details = await get('/health/redis');
      expectToMatch(details.body, 'unhealthyRedis');
      expect(JSON.stringify(details)).not.toMatch(/127\.0\.0\.1|localhost|\bat /);
      await redis().restart();
      await eventually(async () => {
        expect(await get('/health')).toMatchObject({ status: 200, body: { status: 'up' } });
      });
    });

    it('answers while Redis is frozen', async () => {
      redis().freeze();
      let first: Answer | undefined;
      const tookMs = await timed(async () => {
        first = await get('/health');
      });
      expect(tookMs).toBeLessThan(SLOWEST_HEALTH_MS);
      expect(first).toMatchObject({
        status: 200,
        body: { status: 'degraded', system: { redis: { status: 'unhealthy', available: false } } },
      });
      const answers = await Promise.all(PATHS.map(get));
      expect(answers.map(({ status }) => status)).toEqual(PATHS.map(() => 200));
      expectToMatch((await get('/health/redis')).body, 'unhealthyRedis');
      redis().thaw();
      await eventually(async () => {
        expect(await get('/health')).toMatchObject({ status: 200, body: { status: 'up' } });
      });
    });

    async function expectDegraded(): Promise<void> {
      await eventually(async () => {
        const { status, body } = await get('/health');
        expectToMatch(body, 'health');
        expect({ status, body }).toEqual({
          status: 200,
          body: {
            status: 'degraded',
            system: { redis: { status: 'unhealthy', available: false } },
            services: WITHOUT_REDIS,
          },
        });
      });
    }
  });

  it('is down, 503, when a service cannot answer without Redis; but alive', async () => {
    server = await startApp(platform, {
      imports: [
        BackplaneModule.forRoot({
          redis: { connections: { default: { url: NOBODY } }, bootTimeout: '50ms' },
          throttle: { onRedisDown: 'closed', default: { limit: 5, window: '1m' } },
          health: {},
        }),
      ],
    });
    const { status, body } = await get('/health');
    expectToMatch(body, 'health');
    expect({ status, body }).toEqual({
      status: 503,
      body: {
        status: 'down',
        system: { redis: { status: 'unhealthy', available: false } },
        services: { rate_limiting: 'none' },
      },
    });
    await expect(get('/health/ready')).resolves.toEqual({ status: 503, body: { status: 'down' } });
    await expect(get('/health/live')).resolves.toEqual({ status: 200, body: { status: 'up' } });
    await expect(get('/health/redis')).resolves.toMatchObject({ status: 200 });
    await expect(get('/health/deep')).resolves.toMatchObject({ status: 503 });
  });

  it('is never limited', async () => {
    server = await startApp(platform, {
      imports: [
        BackplaneModule.forRoot({
          throttle: {
            default: { limit: 1, window: '1h' },
            routes: [{ path: '/**', limit: 1, window: '1h' }],
          },
          health: {},
        }),
      ],
      controllers: [LampsController],
    });
    await expect(get('/lamps')).resolves.toMatchObject({ status: 200 });
    await expect(get('/lamps')).resolves.toMatchObject({ status: 429 });
    for (const path of [...PATHS, ...PATHS]) {
      const response = await fetch(`${server.url}${path}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('x-ratelimit-limit')).toBeNull();
    }
  });

  it('is not ready any more, but still alive, while the application shuts down', async () => {
    server = await startApp(platform, {
      imports: [BackplaneModule.forRoot({ health: {} })],
      providers: [Doorkeeper],
    });
    const closed = server.close();
    try {
      await eventually(async () => {
        const down = { status: 503, body: { status: 'down' } };
        expect(await get('/health/ready')).toEqual(down);
        expect(await get('/health')).toMatchObject(down);
      });
      await expect(get('/health/live')).resolves.toEqual({ status: 200, body: { status: 'up' } });
    } finally {
      server.app.get(Doorkeeper).letGo();
      await closed;
    }
  });

  async function get(path: string): Promise<Answer> {
    const response = await fetch(`${server.url}${path}`);
    return { status: response.status, body: await response.json() };
  }
});

async function startBackend(
  platform: Platform,
  environment: Readonly<Record<string, string>>,
): Promise<TestApp> {
  const { app } = await createBackend({ config: loadConfig({ ...environment }), platform });
  return listen(app);
}

import { Test, type TestingModule } from '@nestjs/testing';
import {
  REDIS_CONNECTIONS,
  RedisConnections,
  RedisModule,
} from '../../../src/common/redis/index.js';
import { InstanceHeartbeat } from '../../../src/modules/throttle/instance-heartbeat.js';
import { ThrottleModule, ThrottleService } from '../../../src/modules/throttle/index.js';
import { eventually } from '../../support/eventually.js';
import { queryRedis } from '../../support/redis/redis-query.js';
import { startStandalone } from '../../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../../support/redis/shared-redis.js';

/** Short enough to be waited for, and long enough for a busy machine to keep up with. */
const INTERVAL_MS = 150;
const NINE = { name: 'nine', limit: 9, window: '1h' } as const;

describe('the instances of an application', () => {
  const redis = useStarted(startStandalone);
  const started: TestingModule[] = [];
  let prefix: string;

  beforeEach(() => (prefix = uniquePrefix()));

  afterEach(async () => {
    await Promise.all(started.splice(0).map((app) => app.close()));
  });

  async function start(throttle: object = {}): Promise<TestingModule> {
    const builder = Test.createTestingModule({
      imports: [
        RedisModule.forRoot({
          connections: { default: { url: redis().url } },
          prefix,
          bootTimeout: '10s',
          breaker: { probeInterval: '50ms' },
        }),
        ThrottleModule.forRoot({ deadline: '2s', ...throttle }),
      ],
    });
    if (!('instances' in throttle)) {
      builder.overrideProvider(InstanceHeartbeat).useFactory({
        inject: [REDIS_CONNECTIONS],
        factory: (connections: RedisConnections) =>
          new InstanceHeartbeat({
            connection: connections.use('default', ['command']),
            intervalMs: INTERVAL_MS,
          }),
      });
    }
    const app = await builder.compile();
    started.push(app);
    return app.init();
  }

  const countOf = (app: TestingModule): number => app.get(InstanceHeartbeat).count;
  const counts = (): readonly number[] => started.map(countOf);
  const connectionOf = (app: TestingModule) =>
    app.get<RedisConnections>(REDIS_CONNECTIONS).use('default', ['command']);
  const key = () => `${prefix}:throttle:v1:{instances}`;
  const inRedis = () => queryRedis(redis().url, (client) => client.zcard(key()));

  async function admitted(app: TestingModule): Promise<number> {
    const throttle = app.get(ThrottleService);
    const outcomes = await Promise.all(
      Array.from({ length: 2 * NINE.limit }, () => throttle.consume('alice', NINE)),
    );
    return outcomes.filter(({ allowed }) => allowed).length;
  }

  async function whenAway(app: TestingModule): Promise<void> {
    await eventually(() => !connectionOf(app).gate.isClosed);
  }

  it('see one another, whenever they come', async () => {
    await Promise.all([start(), start()]);
    await eventually(() => expect(counts()).toEqual([2, 2]));
    await start();
    await eventually(() => expect(counts()).toEqual([3, 3, 3]));
    await expect(inRedis()).resolves.toBe(3);
  });

  it('forget one that dies, and one that says farewell at once', async () => {
    await Promise.all([start(), start(), start()]);
    await eventually(() => expect(counts()).toEqual([3, 3, 3]));
    const [dead] = started.splice(0, 1);
    // It hears and says nothing any more.
    dead?.get<RedisConnections>(REDIS_CONNECTIONS).onApplicationShutdown();
    await eventually(() => expect(counts()).toEqual([2, 2]));
    await started.splice(0, 1)[0]?.close();
    await expect(inRedis()).resolves.toBe(1);
    await eventually(() => expect(counts()).toEqual([1]));
    await dead?.close();
  });

  it('forget one that beat before the server’s clock was set back', async () => {
    await queryRedis(redis().url, (client) => client.zadd(key(), Date.now() + 3_600_000, 'ghost'));
    const app = await start();
    const expires = () => queryRedis(redis().url, (client) => client.pttl(key()));
    await eventually(async () => expect(await expires()).toBeGreaterThan(0));
    await expect(inRedis()).resolves.toBe(1);
    expect(countOf(app)).toBe(1);
  });

  it('keep the count, and grant each its share by it, while Redis is away', async () => {
    await Promise.all([start(), start(), start()]);
    await eventually(() => expect(counts()).toEqual([3, 3, 3]));
    await redis().process.kill();
    await Promise.all(started.map(whenAway));
    const missed = started.map((app) => connectionOf(app).gate.counters.rejected);
    const granted = await Promise.all(started.map(admitted));
    expect(granted).toEqual([3, 3, 3]);
    // Some beats later as well: those are refused.
    await eventually(() => {
      const refused = started.map((app) => connectionOf(app).gate.counters.rejected);
      expect(refused.every((count, index) => count > (missed[index] ?? 0))).toBe(true);
    });
    expect(counts()).toEqual([3, 3, 3]);
    await redis().process.restart();
    // It is empty, and whoever beats first is alone in it for a moment.
    await eventually(async () => expect(await inRedis()).toBe(3));
    await eventually(() => expect(counts()).toEqual([3, 3, 3]));
  });

  it('are as many as the option says, and then say nothing in Redis', async () => {
    const app = await start({ instances: 4 });
    expect(countOf(app)).toBe(4);
    await expect(admitted(app)).resolves.toBe(9);
    await expect(inRedis()).resolves.toBe(0);
    await redis().process.kill();
    await whenAway(app);
    await expect(admitted(app)).resolves.toBe(2);
    await redis().process.restart();
  });
});

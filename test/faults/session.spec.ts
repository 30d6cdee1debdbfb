import { Redis } from 'ioredis';
import { EventStream } from '../../src/common/events/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { ServiceRegistry } from '../../src/common/status/index.js';
import { RedisSessionDriver } from '../../src/modules/session/drivers/redis-session.driver.js';
import type { SessionOptions } from '../../src/modules/session/index.js';
import { created, EAGER, credentialOf } from '../contracts/session/session-fixture.js';
import { cookieFrom, type SessionApp, startSessionApp } from '../e2e/session-app.js';
import { openRedis } from '../support/connect.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';

/** The whole Redis time of a request, and room for a busy machine. */
const SLOWEST_ANSWER_MS = 250 + 250;

interface FaultyApp extends SessionApp {
  readonly degraded: string[];
  readonly recovered: number[];
  backing(): string;
}

describe('sessions of an application', () => {
  const redis = useStarted(() => startStandalone());
  let app: FaultyApp;

  async function start(onRedisDown: SessionOptions['onRedisDown'] & string): Promise<void> {
    const connections = { default: { url: redis().url } };
    const started = await startSessionApp('fastify', {
      session: { onRedisDown },
      imports: [RedisModule.forRoot({ connections, prefix: uniquePrefix(), bootTimeout: '10s' })],
    });
    const [degraded, recovered]: [string[], number[]] = [[], []];
    const events = started.app.get(EventStream);
    events.on('redis.degraded', ({ reason }) => degraded.push(reason));
    events.on('redis.recovered', ({ downMs }) => recovered.push(downMs));
    const services = started.app.get(ServiceRegistry).list();
    const session = services.find(({ service }) => service === 'session_storage');
    app = { ...started, degraded, recovered, backing: () => session?.backing() ?? 'unknown' };
  }

  afterEach(async () => {
    await app.close();
    redis().process.thaw();
  });

  const signIn = async () => cookieFrom(await app.ask('POST /account/sign-in/ada'));
  const statusWith = async (cookie: string) =>
    (await app.ask('GET /account/me', { cookie })).status;

  /** Answers come from Redis: there is what the cookie stands for. */
  async function answersOnRedis(cookie: string): Promise<void> {
    // A busy machine may have missed a deadline before the fault: that is not the one to be seen.
    await eventually(async () => app.backing() === 'redis' && (await statusWith(cookie)) === 200);
    app.degraded.length = 0;
    app.recovered.length = 0;
  }

  async function recovers(): Promise<void> {
    await eventually(() => app.recovered.length > 0 && app.backing() === 'redis');
  }

  it.each([
    ['killed', () => redis().process.kill(), () => redis().process.restart()],
    ['frozen', async () => redis().process.freeze(), async () => redis().process.thaw()],
  ])('closed: answers 503 in time while Redis is %s, and goes on afterwards', async (...fault) => {
    const [, inject, end] = fault;
    await start('closed');
    const cookie = await signIn();
    await answersOnRedis(cookie);

    await inject();
    await eventually(async () => {
      const startedAt = performance.now();
      expect(await statusWith(cookie)).toBe(503);
      expect(performance.now() - startedAt).toBeLessThan(SLOWEST_ANSWER_MS);
      return app.degraded.length >= 1;
    });
    const refused = await app.ask('GET /account/me', { cookie });
    expect(refused.body).toMatchObject({ code: 'E_SESSION_BACKEND_DOWN' });
    await expect(app.sessions.destroyAllForUser('ada')).rejects.toMatchObject({
      code: 'E_SESSION_BACKEND_DOWN',
    });
    expect(app.backing()).toBe('none');
    const health = await app.ask('GET /health');
    expect([health.status, health.body]).toMatchObject([200, { status: 'degraded' }]);

    await end();
    await recovers();
    expect(await statusWith(await signIn())).toBe(200);
  });

  it('memory: what was ended while Redis was frozen stays ended after it', async () => {
    await start('memory');
    const { session: kept } = await app.sessions.create({ userId: 'kept' });
    const { session: ended } = await app.sessions.create({ userId: 'ended' });
    const cookie = await signIn();
    await answersOnRedis(cookie);

    redis().process.freeze();
    await eventually(async () => {
      await app.sessions.get(ended.id);
      return app.degraded.length >= 1;
    });
    expect(app.backing()).toBe('memory');
    await app.sessions.destroy(ended.id);
    await app.sessions.destroyAllForUser('ada');
    const meanwhile = cookieFrom(await app.ask('POST /account/sign-in/bob'));
    expect(await statusWith(meanwhile)).toBe(200);
    expect(await statusWith(cookie)).toBe(401);

    redis().process.thaw();
    await recovers();
    await expect(app.sessions.get(kept.id)).resolves.toBeDefined();
    await expect(app.sessions.get(ended.id)).resolves.toBeUndefined();
    expect(await statusWith(cookie)).toBe(401);
    expect(await statusWith(meanwhile)).toBe(401);
  });
});

describe('a write that timed out in a slow network', () => {
  const redis = useStarted(startStandalone);
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });

  /** How often the server ran (or refused) one of our scripts. */
  async function scriptCalls(server: Redis): Promise<number> {
    const stats = await server.info('commandstats');
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
    return calls.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it('neither revives, touches nor creates a session when it arrives', async () => {
    const prefix = uniquePrefix();
    const patient = { prefix, breaker: { failureThreshold: 100 } };
    const slow = await openRedis({ url: proxy().url }, patient);
    const quick = await openRedis({ url: redis().url }, patient);
    const server = new Redis(redis().url);
    try {
      const late = new RedisSessionDriver(slow.connection, { deadlineMs: 100 });
      const elsewhere = new RedisSessionDriver(quick.connection, { deadlineMs: 2_000 });
      const [session, other] = [await created(late), await created(late, { userId: 'bob' })];
      await late.validate(credentialOf(session), EAGER);
      const untouched = await elsewhere.get(other.id);
      const callsBefore = await scriptCalls(server);

      await proxy().delay(400);
      const writes = await Promise.allSettled([
        late.validate(credentialOf(session), EAGER),
        late.validate(credentialOf(other), EAGER),
        created(late, { userId: 'carol' }),
        late.destroyAll('bob'),
      ]);
      expect(writes.map(({ status }) => status)).toEqual(writes.map(() => 'rejected'));
      await elsewhere.destroyAll('alice');

      await eventually(async () => (await scriptCalls(server)) >= callsBefore + 5);
      expect(await elsewhere.get(session.id)).toBeUndefined();
      expect(await elsewhere.get(other.id)).toEqual(untouched);
      expect(await elsewhere.list('carol')).toEqual([]);
    } finally {
      await proxy().heal();
      server.disconnect();
      slow.close();
      quick.close();
    }
  });
});

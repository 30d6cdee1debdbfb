import { Redis } from 'ioredis';
import { RedisSessionDriver } from '../../src/modules/session/drivers/redis-session.driver.js';
import { created, EAGER, credentialOf } from '../contracts/session/session-fixture.js';
import { TOKEN } from '../e2e/session-app.js';
import { openRedis } from '../support/connect.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { type FaultySessionApp, startFaultySessionApp } from './faulty-session-app.js';

/** The whole Redis time of a request, and room for a busy machine. */
const SLOWEST_ANSWER_MS = 250 + 250;

const REFUSAL = { code: 'E_SESSION_BACKEND_DOWN' };
const CLEARED = expect.stringContaining('Max-Age=0') as string;

describe('sessions of an application', () => {
  const redis = useStarted(() => startStandalone());
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });
  let app: FaultySessionApp;

  afterEach(async () => {
    await app.close();
    redis().process.thaw();
    await proxy().heal();
  });

  const killed = {
    inject: () => redis().process.kill(),
    end: () => redis().process.restart(),
  };
  const frozen = {
    inject: async () => redis().process.freeze(),
    end: async () => redis().process.thaw(),
  };
  const blackHoled = { inject: () => proxy().blackHole(), end: () => proxy().heal() };
  const halfOpen = { inject: () => proxy().halfOpen(), end: () => proxy().heal() };

  it.each([
    ['is killed', killed],
    ['is frozen', frozen],
    ['is behind a black hole', blackHoled],
    ['executes all, and every reply is lost', halfOpen],
  ])('closed: answers 503 in time while Redis %s, and goes on afterwards', async (_how, fault) => {
    app = await startFaultySessionApp('closed', { url: proxy().url });
    const cookie = await app.signIn();
    await app.answersOnRedis(cookie);

    await fault.inject();
    await eventually(async () => {
      const startedAt = performance.now();
      expect(await app.statusWith(cookie)).toBe(503);
      expect(performance.now() - startedAt).toBeLessThan(SLOWEST_ANSWER_MS);
      return app.degraded.length >= 1;
    });
    const refused = await app.ask('GET /account/me', { cookie });
    expect(refused.body).toMatchObject(REFUSAL);
    await expect(app.sessions.destroyAllForUser('ada')).rejects.toMatchObject(REFUSAL);
    const signedOut = await app.ask('DELETE /account/session', { cookie });
    expect([signedOut.status, signedOut.headers.getSetCookie()]).toEqual([503, [CLEARED]]);
    expect(app.backing()).toBe('none');
    const health = await app.ask('GET /health');
    expect([health.status, health.body]).toMatchObject([200, { status: 'degraded' }]);

    await fault.end();
    await app.recovers();
    // What was refused did not happen.
    const isKept = fault !== killed;
    await eventually(async () => (await app.statusWith(cookie)) === (isKept ? 200 : 401));
    const again = await app.signIn();
    await eventually(async () => (await app.statusWith(again)) === 200);
  });

  it.each([
    ['is frozen', frozen],
    ['is behind a black hole', blackHoled],
    ['executes all, and every reply is lost', halfOpen],
  ])('memory: what was ended while Redis %s stays ended after it', async (_how, fault) => {
    app = await startFaultySessionApp('memory', { url: proxy().url });
    const open = () => eventually(() => app.sessions.create({ userId: 'grace' }));
    const [{ session: kept }, { session: ended }, { session: other }] = [
      await open(),
      await open(),
      await open(),
    ];
    const cookie = await app.signIn();
    await app.answersOnRedis(cookie);

    await fault.inject();
    await eventually(async () => {
      const startedAt = performance.now();
      // Refused as long as it may be one slow call, absent once Redis counts as away.
      const status = await app.statusWith(cookie);
      expect([401, 503]).toContain(status);
      expect(performance.now() - startedAt).toBeLessThan(SLOWEST_ANSWER_MS);
      return app.degraded.length >= 1 && status === 401;
    });
    expect(app.backing()).toBe('memory');
    const asOperator = { token: TOKEN };
    for (const path of ['/api/v1/redis/sessions', '/auth/sessions/redis']) {
      const id = path.startsWith('/auth') ? other.id : ended.id;
      const answer = await app.ask(`DELETE ${path}/${id}`, asOperator);
      expect([answer.status, answer.body]).toEqual([200, { destroyed: 1 }]);
    }
    const body = { id: kept.id, data: {} };
    const put = await app.ask('POST /api/v1/redis/sessions', { ...asOperator, body });
    expect([put.status, put.body]).toMatchObject([503, REFUSAL]);
    await app.sessions.destroyAllForUser('ada');
    const meanwhile = await app.signIn('bob');
    expect(await app.statusWith(meanwhile)).toBe(200);
    expect(await app.statusWith(cookie)).toBe(401);

    await fault.end();
    await app.recovers();
    await eventually(async () => expect(await app.sessions.get(kept.id)).toBeDefined());
    for (const { id } of [ended, other]) {
      await eventually(async () => expect(await app.sessions.get(id)).toBeUndefined());
    }
    await eventually(async () => expect(await app.statusWith(cookie)).toBe(401));
    await eventually(async () => expect(await app.statusWith(meanwhile)).toBe(401));
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
      // Before the network is slow, and where it never is, a busy machine may take its time.
      const before = new RedisSessionDriver(slow.connection, { deadlineMs: 5_000 });
      const elsewhere = new RedisSessionDriver(quick.connection, { deadlineMs: 5_000 });
      const [session, other] = [await created(before), await created(before, { userId: 'bob' })];
      await before.validate(credentialOf(session), EAGER);
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

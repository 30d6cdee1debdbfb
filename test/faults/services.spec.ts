import { createBackend } from '../../src/app/create-backend.js';
import { loadConfig } from '../../src/common/config/index.js';
import { EventStream } from '../../src/common/events/index.js';
import { CacheService } from '../../src/modules/cache/index.js';
import { LockService } from '../../src/modules/lock/index.js';
import { QueueService } from '../../src/modules/queue/index.js';
import { SessionService } from '../../src/modules/session/index.js';
import { listen, PLATFORMS, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { patient } from '../support/patient.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { startStandalone } from '../support/redis/redis-standalone.js';

const TOKEN = 'a-token-for-this-test';
const JSON_HEADERS = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };

const ON_REDIS = {
  cache: 'redis',
  rate_limiting: 'redis',
  lock: 'redis',
  session_storage: 'redis',
  pubsub: 'redis',
  queue: 'redis',
};
/** What the table of failure policies says for this backend. */
const WITHOUT_REDIS = {
  cache: 'memory',
  rate_limiting: 'memory',
  lock: 'none',
  session_storage: 'none',
  pubsub: 'memory',
  queue: 'none',
};

/** One service as a client uses it: what an answer says of how it went. */
interface Use {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly backend: string | null;
}

describe.each(PLATFORMS)('every service of the backend on %s', (platform) => {
  const redis = useStarted(startStandalone);
  let server: TestApp;
  let events: EventStream;

  beforeAll(async () => {
    const config = loadConfig({
      ADMIN_TOKEN: TOKEN,
      REDIS_URL: redis().url,
      REDIS_PREFIX: uniquePrefix(),
    });
    server = await listen((await createBackend({ config, platform, adjust: patient })).app);
    events = server.app.get(EventStream);
    await eventually(async () => expect(await services()).toEqual(ON_REDIS));
  });

  afterAll(() => server.close());

  async function use(path: string, body?: unknown): Promise<Use> {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${server.url}${path}`, { headers: JSON_HEADERS, ...init });
    return {
      status: response.status,
      body: (await response.json()) as Use['body'],
      backend: response.headers.get('x-ratelimit-backend'),
    };
  }

  const services = async (): Promise<unknown> => (await use('/health')).body['services'];
  const publish = (message: string) => use('/api/publish-event', { channel: 'orders', message });
  const createSession = () => server.app.get(SessionService).create({ userId: 'ada' });
  const enqueue = (to: string) => server.app.get(QueueService).enqueue('emails', 'welcome', { to });
  const locks = () => server.app.get(LockService);

  async function recentMessages(): Promise<unknown> {
    const { body } = await use('/api/recent-events?channel=orders');
    return (body['events'] as { payload: unknown }[]).map(({ payload }) => payload);
  }

  it('does what its failure policy says while Redis is killed, and comes back', async () => {
    const degraded: string[] = [];
    events.on('redis.degraded', ({ reason }) => degraded.push(reason));
    const { session } = await createSession();
    expect(await publish('before')).toMatchObject({ status: 200, body: { delivery: 'sent' } });
    await enqueue('before');
    const held = await locks().tryAcquire('report', { ttl: '1m' });
    expect(held?.isHeld).toBe(true);

    await redis().process.kill();
    await eventually(() => degraded.length > 0);
    await eventually(async () => expect(await services()).toEqual(WITHOUT_REDIS));
    expect((await use('/health')).body).toMatchObject({ status: 'degraded' });
    // Limits count here, by this instance's share.
    expect(await use('/api/rate-limited')).toMatchObject({ status: 200, backend: 'memory' });
    // The cache keeps what it can.
    const cache = server.app.get(CacheService);
    await cache.set('kept', 'here');
    expect(await cache.get('kept')).toBe('here');
    // Sessions and locks say so at once, rather than be wrong.
    await expect(createSession()).rejects.toMatchObject({ code: 'E_SESSION_BACKEND_DOWN' });
    expect(await use(`/api/v1/redis/sessions/${session.id}`)).toMatchObject({
      status: 503,
      body: { code: 'E_SESSION_BACKEND_DOWN' },
    });
    await expect(enqueue('meanwhile')).rejects.toMatchObject({ code: 'E_QUEUE_BACKEND_DOWN' });
    await expect(locks().tryAcquire('other', { ttl: '1m' })).rejects.toMatchObject({
      code: 'E_LOCK_BACKEND_DOWN',
    });
    // Events are delivered here, and kept for the others.
    expect(await publish('meanwhile')).toMatchObject({
      status: 200,
      body: { delivery: 'buffered' },
    });

    await redis().process.restart();
    await eventually(async () => expect(await services()).toEqual(ON_REDIS));
    await eventually(async () => expect((await use('/health')).body['status']).toBe('up'));
    expect(await use('/api/rate-limited')).toMatchObject({ backend: 'redis' });
    await expect(createSession()).resolves.toBeDefined();
    await expect(enqueue('after')).resolves.toBeDefined();
    await eventually(async () => expect(await recentMessages()).toContain('meanwhile'));
    await using again = await locks().acquire('other', { ttl: '1m', wait: '10s' });
    expect(again.isHeld).toBe(true);
  });
});

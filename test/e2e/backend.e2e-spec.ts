import { Redis } from 'ioredis';
import { createBackend } from '../../src/app/create-backend.js';
import { loadConfig } from '../../src/common/config/index.js';
import { PubSubService } from '../../src/modules/pubsub/index.js';
import { listen, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { patient } from '../support/patient.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useRedis, useStarted } from '../support/redis/shared-redis.js';

const STRANGE = ['a*b', 'a:b', 'a b', 'a\nb', '🐘', '__proto__', '{a}', '%'];
/**
 * Each platform and each backing once; that both drivers decide the same is proved by the
 * contracts.
 */
const CASES = [
  { platform: 'express', backing: 'redis' },
  { platform: 'fastify', backing: 'memory' },
] as const;

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe.each(CASES)('the backend on $platform and $backing', ({ platform, backing }) => {
  const redis = useRedis('standalone');
  let server: TestApp;
  let adminToken: string;

  async function start(): Promise<void> {
    const onRedis = { REDIS_URL: redis().url, REDIS_PREFIX: uniquePrefix() };
    const config = loadConfig(backing === 'redis' ? onRedis : {});
    const backend = await createBackend({ config, platform, adjust: patient });
    adminToken = backend.adminToken;
    server = await listen(backend.app);
  }

  async function statuses(count: number, path: string, init?: RequestInit): Promise<number[]> {
    const answers = [];
    for (let sent = 0; sent < count; sent += 1) {
      answers.push((await fetch(`${server.url}${path}`, init)).status);
    }
    return answers;
  }

  function post(path: string, body: unknown): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  describe('that nobody has asked anything', () => {
    beforeEach(start);
    afterEach(() => server.close());

    it('caches /api/cached-data for each user_id until it is invalidated', async () => {
      const get = (user: string) => fetch(`${server.url}/api/cached-data?user_id=${user}`);
      const first = await get('1');
      expect(first.headers.get('x-cache')).toBe('MISS');
      const second = await get('1');
      expect(second.headers.get('x-cache')).toBe('HIT');
      expect(await second.json()).toEqual(await first.json());
      expect((await get('2')).headers.get('x-cache')).toBe('MISS');

      const invalidated = await post('/api/invalidate-cache', { user_id: '1' });
      expect(await invalidated.json()).toEqual({ invalidated: 1 });
      expect((await get('1')).headers.get('x-cache')).toBe('MISS');
      expect((await get('2')).headers.get('x-cache')).toBe('HIT');

      const everything = await post('/api/invalidate-cache', {});
      expect(await everything.json()).toEqual({ invalidated: 2 });
    });

    it('limits its routes and says on what it counts', async () => {
      expect(await statuses(6, '/api/rate-limited')).toEqual([200, 200, 200, 200, 200, 429]);
      expect(await statuses(3, '/api/slow-limited')).toEqual([200, 200, 429]);
      const limited = await fetch(`${server.url}/api/slow-limited`);
      expect(limited.headers.get('x-ratelimit-backend')).toBe(backing);
      expect(await limited.json()).toMatchObject({
        error: 'Rate limit exceeded',
        message: 'Too many requests. Limit: 2/5 min',
      });
    });

    it.each([
      ['POST', '/api/v1/ai/chat', 60],
      ['POST', '/api/v1/receipts/scan', 30],
      ['GET', '/api/pilot', 5],
      ['POST', '/api/contact', 10],
      ['GET', '/nothing/here', 100],
    ])('limits %s %s to %i a minute although no route is there', async (method, path, limit) => {
      const answers = await statuses(limit + 1, path, { method });
      expect(answers).toEqual([...Array.from({ length: limit }, () => 404), 429]);
    });

    it('publishes events and shows the latest of them', async () => {
      const published = await post('/api/publish-event', { channel: 'orders', message: { id: 7 } });
      const outcome = (await published.json()) as Record<string, unknown>;
      expect([published.status, outcome]).toEqual([
        200,
        {
          id: expect.any(String) as unknown,
          channel: 'orders',
          published_at: expect.any(Number) as unknown,
          backing,
          delivery: backing === 'redis' ? 'sent' : 'local',
        },
      ]);
      const { id, published_at } = outcome;
      const origin = expect.any(String) as unknown;
      const events = [{ id, channel: 'orders', payload: { id: 7 }, published_at, origin }];
      for (const query of ['', '?channel=orders&limit=1']) {
        const recent = await fetch(`${server.url}/api/recent-events${query}`);
        expect([recent.status, await recent.json()]).toEqual([200, { events }]);
      }
    });
  });

  describe('whoever asked it before', () => {
    beforeAll(start);
    afterAll(() => server.close());

    it.each([
      ['a user_id that is too long', `/api/cached-data?user_id=${'x'.repeat(201)}`, undefined],
      ['an empty user_id', '/api/cached-data?user_id=', undefined],
      ['a user_id that is given twice', '/api/cached-data?user_id=1&user_id=2', undefined],
      ['an unknown field', '/api/invalidate-cache', { user: '1' }],
      ['a field of another type', '/api/invalidate-cache', { user_id: 5 }],
    ])('answers 400 in the common shape to %s', async (_case, path, body) => {
      const answer =
        body === undefined ? await fetch(`${server.url}${path}`) : await post(path, body);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({
        error: 'Bad request',
        message: expect.any(String),
        code: 'E_BAD_REQUEST',
        request_id: answer.headers.get('x-request-id'),
      });
    });

    it('keeps the reports of users with strange names apart from every other', async () => {
      const get = (id: string) =>
        fetch(`${server.url}/api/cached-data?user_id=${encodeURIComponent(id)}`);
      const states = async () => {
        const answers = await Promise.all([...STRANGE, 'neighbour'].map(get));
        return answers.map(({ headers }) => headers.get('x-cache'));
      };
      const bodies = await Promise.all(STRANGE.map(async (id) => (await get(id)).json()));
      expect(bodies).toEqual(STRANGE.map((id) => expect.objectContaining({ user_id: id })));
      await get('neighbour');
      for (const id of STRANGE) await post('/api/invalidate-cache', { user_id: id });
      expect(await states()).toEqual([...STRANGE.map(() => 'MISS'), 'HIT']);
    });

    it('answers in the common shape to an address with a broken escape', async () => {
      const answer = await fetch(`${server.url}/%E0%A4%A`);
      // Fastify refuses to route it, Express finds nothing there.
      expect(answer.status).toBe(platform === 'fastify' ? 400 : 404);
      expect(await answer.json()).toEqual({
        error: expect.any(String),
        message: expect.any(String),
        code: expect.stringMatching(/^E_/),
        request_id: answer.headers.get('x-request-id'),
      });
    });

    it('describes every route on its API page', async () => {
      const page = await fetch(`${server.url}/docs`);
      expect(page.status).toBe(200);
      const document = (await (await fetch(`${server.url}/docs-json`)).json()) as Document;
      expect(Object.keys(document.paths).toSorted()).toEqual([
        '/api/cached-data',
        '/api/invalidate-cache',
        '/api/publish-event',
        '/api/rate-limited',
        '/api/recent-events',
        '/api/slow-limited',
        '/api/v1/redis/cache',
        '/api/v1/redis/cache/entries',
        '/api/v1/redis/cache/stats',
        '/api/v1/redis/cache/warm',
        '/api/v1/redis/health',
        '/api/v1/redis/locks',
        '/api/v1/redis/pubsub/channels',
        '/api/v1/redis/pubsub/{channel}',
        '/api/v1/redis/pubsub/{channel}/events',
        '/api/v1/redis/pubsub/{channel}/stream',
        '/api/v1/redis/queues',
        '/api/v1/redis/queues/{name}',
        '/api/v1/redis/queues/{name}/clean',
        '/api/v1/redis/queues/{name}/dead',
        '/api/v1/redis/queues/{name}/dead/{id}/replay',
        '/api/v1/redis/queues/{name}/dequeue',
        '/api/v1/redis/queues/{name}/jobs',
        '/api/v1/redis/queues/{name}/jobs/{id}',
        '/api/v1/redis/queues/{name}/jobs/{id}/retry',
        '/api/v1/redis/queues/{name}/pause',
        '/api/v1/redis/queues/{name}/resume',
        '/api/v1/redis/rate-limit',
        '/api/v1/redis/rate-limit/top',
        '/api/v1/redis/rate-limit/{policy}/{subject}',
        '/api/v1/redis/rate-limit/{policy}/{subject}/block',
        '/api/v1/redis/rate-limit/{policy}/{subject}/grant',
        '/api/v1/redis/sessions',
        '/api/v1/redis/sessions/{id}',
        '/auth/sessions/redis/{id}',
        '/health',
        '/health/deep',
        '/health/live',
        '/health/ready',
        '/health/redis',
      ]);
    });

    it.each([
      ['@GET /api/rate-limited', 'client', 200],
      ['POST /api/v1/ai/chat', '🐘'.repeat(256), 200],
      ['default', 'k'.repeat(1_025), 400],
      ['GET /api/rate-limited', 'client', 404],
    ])(
      'tells operators of the limit %s, whatever it is called',
      async (policy, subject, status) => {
        await statuses(1, '/api/rate-limited');
        const path = [policy, subject].map(encodeURIComponent).join('/');
        const headers = { authorization: `Bearer ${adminToken}` };
        expect(await statuses(1, `/api/v1/redis/rate-limit/${path}`, { headers })).toEqual([
          status,
        ]);
      },
    );

    it('keeps what outsiders publish and read apart from the channels of the application', async () => {
      const pubsub = server.app.get(PubSubService);
      const heard: unknown[] = [];
      await pubsub.subscribe('billing', (payload) => heard.push(payload));
      await pubsub.publish('billing', 'ours');
      await eventually(() => heard.length === 1);
      const published = await post('/api/publish-event', { channel: 'billing', message: 'theirs' });
      expect(published.status).toBe(200);
      for (const query of ['?channel=billing', '']) {
        const recent = await fetch(`${server.url}/api/recent-events${query}`);
        const { events } = (await recent.json()) as { events: { payload: unknown }[] };
        expect(events.map(({ payload }) => payload)).toContain('theirs');
        expect(events.map(({ payload }) => payload)).not.toContain('ours');
      }
      await pubsub.publish('billing', 'ours again');
      await eventually(() => heard.length === 2);
      expect(heard).toEqual(['ours', 'ours again']);
    });

    it.each([
      ['of 4096 bytes', `"${'x'.repeat(4_094)}"`, 200],
      ['of more', `"${'é'.repeat(2_048)}"`, 400],
      ['of great depth', `${'['.repeat(40_000)}${']'.repeat(40_000)}`, 400],
    ])('answers a message %s of outsiders', async (_size, message, status) => {
      const answer = await fetch(`${server.url}/api/publish-event`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"channel":"size","message":${message}}`,
      });
      expect(answer.status).toBe(status);
      if (status === 400) {
        const { message: told } = (await answer.json()) as { message: string };
        expect(told).toBe('body.message: must be JSON of at most 4096 bytes');
      }
    });

    it('shows operators a cached answer as its JSON', async () => {
      const report: unknown = await (await fetch(`${server.url}/api/cached-data?user_id=1`)).json();
      const entry = `${server.url}/api/v1/redis/cache/entries?key=cached-data:1`;
      const answer = await fetch(entry, { headers: { authorization: `Bearer ${adminToken}` } });
      expect(await answer.json()).toEqual({
        key: 'cached-data:1',
        value: report,
        ttl_ms: expect.any(Number) as unknown,
        age_ms: expect.any(Number) as unknown,
      });
    });

    it('says on its API page what every endpoint is for, and what it takes', async () => {
      const document = (await (await fetch(`${server.url}/docs-json`)).json()) as Document;
      const silent = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).flatMap(([method, { summary }]) =>
          summary === undefined ? [`${method} ${path}`] : [],
        ),
      );
      expect(silent).toEqual([]);
      const put = document.paths['/api/v1/redis/cache/entries']?.['put'];
      expect(put).toMatchObject({
        parameters: [{ name: 'key', in: 'query', required: true }],
        requestBody: { content: { 'application/json': { example: { ttl: '5m' } } } },
        security: [{ bearer: [] }],
      });
    });

    it('opens the operators’ endpoints with the token only', async () => {
      const path = '/api/v1/redis/health';
      expect(await statuses(1, path)).toEqual([401]);
      const headers = { authorization: `Bearer ${adminToken}` };
      expect(await statuses(1, path, { headers })).toEqual([200]);
    });
  });
});

describe('the backend on a Redis of its own', () => {
  const redis = useStarted(startStandalone);

  it('writes no key without a TTL and none outside of its prefix', async () => {
    const config = loadConfig({ REDIS_URL: redis().url, REDIS_PREFIX: 'mine' });
    const server = await listen((await createBackend({ config, adjust: patient })).app);
    const client = new Redis(redis().url);
    await fetch(`${server.url}/api/cached-data?user_id=1`);
    await fetch(`${server.url}/api/rate-limited`);
    const keys = await client.keys('*');
    const lifetimes = await Promise.all(keys.map((key) => client.pttl(key)));
    await server.close();
    client.disconnect();
    expect(keys.length).toBeGreaterThanOrEqual(3);
    expect(keys.filter((key) => !key.startsWith('mine:'))).toEqual([]);
    expect(lifetimes.filter((ttl) => ttl < 0)).toEqual([]);
  });
});

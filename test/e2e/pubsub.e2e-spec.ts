import { APP_FILTER } from '@nestjs/core';
import { EventStream } from '../../src/common/events/index.js';
import { BackplaneExceptionFilter } from '../../src/common/http/index.js';
import { RedisModule } from '../../src/common/redis/index.js';
import { AdminModule } from '../../src/modules/admin/index.js';
import { HealthModule } from '../../src/modules/health/index.js';
import {
  PubSubAdminController,
  PubSubModule,
  type PubSubOptions,
  PubSubService,
} from '../../src/modules/pubsub/index.js';
import { logOf } from '../contracts/pubsub/pubsub-fixture.js';
import { PLATFORMS, startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { SseClient } from './sse-client.js';

const TOKEN = 'a-token-of-an-operator';
const JSON_TYPE = { 'content-type': 'application/json' };
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

/** What is asked, and the field that the answer names. */
const WRONG: readonly (readonly [method: string, path: string, body: unknown, option: string])[] = [
  ['POST', '/c', {}, 'body.payload'],
  ['POST', '/c', undefined, 'body.payload'],
  ['POST', '/c', { payload: 1, message: 1 }, 'body.payload'],
  ['POST', '/c', { payload: 1, extra: 1 }, 'body.extra'],
  ['POST', '/c', [1], 'body'],
  ['POST', '/c', { payload: 'x'.repeat(2_000) }, 'payload'],
  ['GET', '/c/events?limit=-1', undefined, 'query.limit'],
  ['GET', '/c/events?limit=0', undefined, 'query.limit'],
  ['GET', '/c/events?limit=x', undefined, 'query.limit'],
  ['GET', '/c/events?limit=101', undefined, 'query.limit'],
  ['GET', '/c/events?lmit=5', undefined, 'query.lmit'],
];

describe.each(PLATFORMS)('the pub/sub endpoints on %s', (platform) => {
  const redis = useStarted(startStandalone);
  let server: TestApp;
  let pubsub: PubSubService;
  const clients: SseClient[] = [];

  const start = async (options: PubSubOptions = {}): Promise<void> => {
    server = await startApp(platform, {
      imports: [
        RedisModule.forRoot({
          connections: { default: { url: redis().url } },
          prefix: uniquePrefix(),
          requestBudget: '10s',
          bootTimeout: '10s',
        }),
        PubSubModule.forRoot({ deadline: '5s', ...options }),
        HealthModule.forRoot({}),
        AdminModule.forRoot({ token: TOKEN, controllers: [PubSubAdminController] }),
      ],
      providers: [{ provide: APP_FILTER, useClass: BackplaneExceptionFilter }],
    });
    pubsub = server.app.get(PubSubService);
  };

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await server.close();
  });

  async function ask(method: string, path: string, body?: unknown) {
    const json = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${server.url}/api/v1/redis/pubsub${path}`, {
      method,
      headers: json === undefined ? AUTHORIZED : { ...AUTHORIZED, ...JSON_TYPE },
      ...(json === undefined ? {} : { body: json }),
    });
    return { status: response.status, body: (await response.json()) as unknown };
  }

  async function listen(channel: string): Promise<SseClient> {
    const client = new SseClient(`${server.url}/api/v1/redis/pubsub/${channel}/stream`, AUTHORIZED);
    clients.push(client);
    await eventually(() => client.comments().includes('subscribed'));
    return client;
  }

  it('publish, list channels and show events', async () => {
    await start();
    const published = await ask('POST', '/orders', { payload: { id: 7 } });
    const published_at = expect.any(Number) as unknown;
    expect(published).toEqual({
      status: 201,
      body: {
        id: expect.any(String) as unknown,
        channel: 'orders',
        published_at,
        backing: 'redis',
        delivery: 'sent',
      },
    });
    expect(await ask('POST', '/a%2Fb%20c', { message: 'text' })).toMatchObject({ status: 201 });
    expect(await ask('POST', '/orders', { payload: null })).toMatchObject({ status: 201 });
    const channels = await ask('GET', '/channels');
    expect(channels.status).toBe(200);
    expect(channels.body).toMatchObject({
      channels: expect.arrayContaining([
        { channel: 'orders', last_published_at: expect.any(Number) as unknown, subscribers: 0 },
        { channel: 'a/b c', last_published_at: expect.any(Number) as unknown, subscribers: 0 },
      ]) as unknown,
    });
    expect(await ask('GET', '/orders/events')).toMatchObject({
      status: 200,
      body: { channel: 'orders', events: [{ payload: null }, { payload: { id: 7 } }] },
    });
    const id = expect.any(String) as unknown;
    const { origin } = pubsub;
    expect(await ask('GET', '/a%2Fb%20c/events?limit=1')).toEqual({
      status: 200,
      body: {
        channel: 'a/b c',
        events: [{ id, channel: 'a/b c', payload: 'text', published_at, origin }],
      },
    });
  });

  it('answer 404 for a channel nobody uses, and 200 for one with a subscriber only', async () => {
    await start();
    expect(await ask('GET', '/nobody/events')).toEqual({
      status: 404,
      body: {
        error: 'Not found',
        message: 'No channel "nobody" has recent events or subscribers',
        code: 'E_NOT_FOUND',
        request_id: expect.any(String) as unknown,
      },
    });
    await pubsub.subscribe('listened', () => undefined);
    expect(await ask('GET', '/channels')).toMatchObject({
      body: { channels: [{ channel: 'listened', last_published_at: null, subscribers: 1 }] },
    });
    expect(await ask('GET', '/listened/events')).toMatchObject({
      status: 200,
      body: { events: [] },
    });
  });

  it('know a quiet channel with a subscriber, however many others are busy', async () => {
    await start();
    await pubsub.subscribe('listened', () => undefined);
    const others = Array.from({ length: 1_000 }, (_, at) => `channel ${at}`);
    await Promise.all(others.map((channel) => pubsub.publish(channel, null)));
    const listed = await pubsub.channels();
    expect([listed.length, listed.some(({ channel }) => channel === 'listened')]).toEqual([
      1_000,
      false,
    ]);
    expect(await ask('GET', '/listened/events')).toMatchObject({ status: 200 });
  });

  it('answer 400 to wrong input, naming the field', async () => {
    await start({ maxPayloadBytes: 1_000 });
    for (const [method, path, body, option] of WRONG) {
      const answer = await ask(method, path, body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'E_INVALID_OPTION' } });
      expect((answer.body as { message: string }).message).toContain(`"${option}"`);
    }
  });

  it('answer 400 to what is no JSON, and 401 without the token', async () => {
    await start();
    expect(await ask('POST', '/c', '{"payload":')).toMatchObject({ status: 400 });
    const paths = ['/channels', '/c/events', '/c/stream'];
    for (const path of paths) {
      const response = await fetch(`${server.url}/api/v1/redis/pubsub${path}`);
      expect(response.status).toBe(401);
    }
    expect(await ask('GET', '/channels')).toMatchObject({ body: { channels: [] } });
  });

  it('stream events as they come, and end the subscription with the client', async () => {
    await start({ streamHeartbeat: 30 });
    const client = await listen('orders%201');
    expect(client.head).toContain('200 OK');
    expect(client.head.toLowerCase()).toContain('content-type: text/event-stream');
    const { id, publishedAt } = await pubsub.publish('orders 1', { text: 'a\nb' });
    await eventually(() => client.data().length === 1);
    expect(client.messages.find(({ data }) => data !== undefined)).toMatchObject({ id });
    expect(client.data()[0]).toEqual({
      id,
      channel: 'orders 1',
      payload: { text: 'a\nb' },
      published_at: publishedAt,
      origin: pubsub.origin,
    });
    await eventually(() => client.comments().includes('heartbeat'));
    client.close();
    const subscribers = async () =>
      (await pubsub.channels()).reduce((sum, channel) => sum + channel.subscribers, 0);
    await eventually(async () => (await subscribers()) === 0);
  });

  it('drop and count what a slow client does not read, and tell it', async () => {
    await start({ streamBuffer: 8, streamHeartbeat: 20 });
    const dropped = logOf(server.app.get(EventStream), 'pubsub.stream_dropped');
    const [slow, quick] = [await listen('c'), await listen('c')];
    slow.pause();
    const text = 'x'.repeat(200_000);
    let sent = 0;
    await eventually(
      async () => {
        await pubsub.publish('c', { text, number: (sent += 1) });
        return dropped.length >= 5;
      },
      { intervalMs: 1, timeoutMs: 20_000 },
    );
    await eventually(() => quick.data().length === sent);
    slow.resume();
    await eventually(() => slow.messages.some(({ event }) => event === 'dropped'));
    const told = slow.data().reduce((sum, one) => sum + (one.dropped ?? 0), 0);
    const got = slow.data().filter(({ dropped: count }) => count === undefined).length;
    expect([told, got + told]).toEqual([dropped.length, sent]);
    await pubsub.publish('c', 'live again');
    await eventually(() => slow.data().some(({ payload }) => payload === 'live again'));
  });

  it('end streams on shutdown, also those of clients that do not read', async () => {
    await start();
    const [reading, slow] = [await listen('c'), await listen('c')];
    slow.pause();
    for (let count = 0; count < 60; count += 1) await pubsub.publish('c', 'x'.repeat(200_000));
    await server.close();
    await eventually(() => reading.isEnded);
  });
});

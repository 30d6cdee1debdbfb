import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisBudget, runInRequest } from '../../src/common/context/index.js';
import type { PubSubOptions, PublishOutcome } from '../../src/modules/pubsub/index.js';
import { shardOf } from '../../src/modules/pubsub/pubsub.keys.js';
import { collector } from '../contracts/pubsub/pubsub-fixture.js';
import { eventually } from '../support/eventually.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { startCluster } from '../support/redis/redis-cluster.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { PubSubApp } from './pubsub-app.js';

const apps: PubSubApp[] = [];

async function start(...given: Parameters<typeof PubSubApp.start>): Promise<PubSubApp> {
  const app = await PubSubApp.start(...given);
  apps.push(app);
  return app;
}

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

/** Two processes on one Redis; the first publishes, both listen. */
async function pair(url: string, options: PubSubOptions = {}) {
  const prefix = uniquePrefix();
  const [here, there] = [await start({ url }, prefix, options), await start({ url }, prefix)];
  const [own, others] = [collector(), collector()];
  await here.pubsub.subscribe('c', own.handler);
  await here.pubsub.subscribePattern('c*', own.handler);
  await there.pubsub.subscribe('c', others.handler);
  const backed = await here.pubsub.publish('c', 'before');
  expect(backed).toMatchObject({ backing: 'redis', delivery: 'sent' });
  await eventually(() => own.received.length === 2 && others.received.length === 1);
  return { here, there, own, others };
}

/** The publisher's gate has closed again and both subscriptions work. */
async function allIsWell(here: PubSubApp, there: PubSubApp): Promise<void> {
  await eventually(() => here.recovered.length > 0 && here.status.backing === 'redis');
  await eventually(() => here.gaps.length > 0 && there.gaps.length > 0);
}

// First, because ioredis' timer for the connection that was cut keeps the process for 2 s.
describe('pub/sub on a cluster whose node with the subscription is killed', () => {
  const cluster = useStarted(() => startCluster());

  it('goes to another node, and reports the gap', async () => {
    const here = await start({ cluster: cluster().addresses }, uniquePrefix());
    const { handler, payloads } = collector();
    await here.pubsub.subscribe('c', handler);
    await here.pubsub.subscribePattern('c*', handler);
    await here.pubsub.publish('c', 'before');
    await eventually(() => payloads().length === 2);
    const cut = await Promise.all(
      cluster().addresses.map(async ({ host, port }) => {
        const node = new Redis({ host, port });
        const killed = await node.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        node.disconnect();
        return Number(killed);
      }),
    );
    expect(cut.reduce((sum, count) => sum + count)).toBe(1);
    await eventually(() => here.gaps.length === 1);
    await here.pubsub.publish('c', 'after');
    await eventually(() => payloads().length === 4);
    expect(payloads()).toEqual(['before', 'before', 'after', 'after']);
  });
});

describe('pub/sub while Redis is killed and comes back', () => {
  const redis = useStarted(startStandalone);

  it('rejects after delivering here, reports the gap, and goes on', async () => {
    const { here, there, own, others } = await pair(redis().url);
    await redis().process.kill();
    await eventually(() => here.degraded.length >= 1);
    expect(here.status).toEqual({ backing: 'memory', isServing: false });
    await expect(here.pubsub.publish('c', 'away')).rejects.toMatchObject({
      code: 'E_PUBSUB_BACKEND_DOWN',
      reason: 'redis-away',
    });
    expect(own.payloads()).toEqual(['before', 'before', 'away', 'away']);
    expect((await here.pubsub.recent()).map(({ payload }) => payload)).toEqual(['away']);
    await redis().process.restart();
    await allIsWell(here, there);
    expect(here.status).toEqual({ backing: 'redis', isServing: true });
    expect(here.gaps).toHaveLength(1);
    expect(here.gaps[0]).toMatchObject({ topics: 2 });
    expect(here.gaps[0]?.durationMs).toBeGreaterThan(20);
    expect(await here.pubsub.publish('c', 'after')).toMatchObject({ delivery: 'sent' });
    await eventually(() => own.received.length === 6 && others.received.length === 2);
    expect(others.payloads()).toEqual(['before', 'after']);
  });

  it('`local` resolves and says so', async () => {
    const { here, there, own, others } = await pair(redis().url, { onRedisDown: 'local' });
    await redis().process.kill();
    await eventually(() => here.degraded.length >= 1);
    expect(here.status).toEqual({ backing: 'memory', isServing: true });
    expect(await here.pubsub.publish('c', 'away')).toMatchObject({
      backing: 'memory',
      delivery: 'local',
    });
    await redis().process.restart();
    await allIsWell(here, there);
    await here.pubsub.publish('c', 'after');
    await eventually(() => others.received.length === 2);
    expect(own.payloads()).toEqual(['before', 'before', 'away', 'away', 'after', 'after']);
    expect(others.payloads()).toEqual(['before', 'after']);
  });

  it('`buffer` sends what it kept, in order and once, and refuses what is too much', async () => {
    const options = { onRedisDown: 'buffer', bufferSize: 20 } as const;
    const { here, there, own, others } = await pair(redis().url, options);
    await redis().process.kill();
    await eventually(() => here.degraded.length >= 1);
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const outcomes: PublishOutcome[] = [];
    for (const number of numbers) outcomes.push(await here.pubsub.publish('c', number));
    expect(new Set(outcomes.map(({ delivery }) => delivery))).toEqual(new Set(['buffered']));
    await expect(here.pubsub.publish('c', 'too much')).rejects.toMatchObject({
      code: 'E_PUBSUB_BACKEND_DOWN',
      reason: 'buffer-full',
    });
    await redis().process.restart();
    await allIsWell(here, there);
    await here.pubsub.publish('c', 'after');
    await eventually(() => own.payloads().filter((payload) => payload === 'after').length === 2);
    const expected = ['before', ...numbers, 'too much', 'after'];
    expect(own.payloads().filter((_, index) => index % 2 === 0)).toEqual(expected);
    expect(own.received).toHaveLength(2 * expected.length);
    const recorded = (await here.pubsub.recent()).map(({ id }) => id).toReversed();
    expect(recorded.slice(0, 20)).toEqual(outcomes.map(({ id }) => id));
    // What came before the other process was subscribed again is its gap; what it got is in order.
    const got = others.payloads().filter((payload) => typeof payload === 'number');
    expect(got).toEqual(numbers.slice(numbers.length - got.length));
  });

  it('an application that starts without Redis subscribes when it comes', async () => {
    await redis().process.kill();
    const here = await start({ url: redis().url }, uniquePrefix(), {
      onRedisDown: 'local',
      bootTimeout: '1s',
      heartbeat: 200,
    });
    const { received, handler } = collector();
    await here.pubsub.subscribe('c', handler);
    await here.pubsub.publish('c', 'away');
    expect(received).toHaveLength(1);
    await redis().process.restart();
    await eventually(() => here.status.backing === 'redis' && here.gaps.length === 1);
    await here.pubsub.publish('c', 'there');
    await eventually(() => received.length === 2);
  });
});

describe('pub/sub while Redis is frozen', () => {
  const redis = useStarted(startStandalone);

  afterEach(() => redis().process.thaw());

  it.each(['reject', 'buffer'] as const)(
    'no event reaches a handler twice, nor is it recorded twice (%s)',
    async (onRedisDown) => {
      // The subscription outlives the freeze, so that whatever ran late would be heard.
      const options = { onRedisDown, deadline: 500, heartbeat: '10s' } as const;
      const { here, own } = await pair(redis().url, options);
      redis().process.freeze();
      const late = await Promise.allSettled(
        [1, 2, 3, 4].map((number) => here.pubsub.publish('c', number)),
      );
      const status = onRedisDown === 'buffer' ? 'fulfilled' : 'rejected';
      expect(late.map((outcome) => outcome.status)).toEqual(late.map(() => status));
      await eventually(() => here.degraded.length >= 1);
      expect(own.payloads().slice(2)).toHaveLength(8);
      redis().process.thaw();
      await eventually(() => here.recovered.length === 1 && here.status.backing === 'redis');
      await here.pubsub.publish('c', 'after');
      await eventually(() => own.payloads().filter((payload) => payload === 'after').length === 2);
      expect(own.received).toHaveLength(12);
      const ids = (await here.pubsub.recent()).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids).toHaveLength(onRedisDown === 'buffer' ? 6 : 2);
    },
  );
});

describe('pub/sub that buffers, published to all the time', () => {
  const redis = useStarted(startStandalone);

  it('drains, once and in the order of each publisher, and drops what Redis refuses', async () => {
    const prefix = uniquePrefix();
    const direct = new Redis(redis().url);
    await direct.set(`${prefix}:pubsub:v1:{${shardOf('foreign')}}:events:foreign`, 'not ours');
    direct.disconnect();
    const here = await start({ url: redis().url }, prefix, {
      onRedisDown: 'buffer',
      bufferSize: 10_000,
      historySize: 10_000,
      deadline: 500,
    });
    redis().process.freeze();
    const lost = await here.pubsub.publish('foreign', 'never');
    expect(lost.delivery).toBe('buffered');
    let isOver = false;
    const publishers = Array.from({ length: 4 }, async (_, publisher) => {
      let count = 0;
      for (; !isOver && count < 2_400; count += 1) {
        await here.pubsub.publish('c', `${publisher} ${count}`);
        // The pace of an application; without it the outage alone would fill the buffer.
        await delay(1);
      }
      return Array.from({ length: count }, (_unused, at) => `${publisher} ${at}`);
    });
    await eventually(() => here.degraded.length > 0);
    redis().process.thaw();
    await eventually(() => here.lost.length > 0 && here.status.backing === 'redis');
    isOver = true;
    const published = await Promise.all(publishers);
    await eventually(() => here.status.backing === 'redis');
    expect(here.lost).toMatchObject([{ channel: 'foreign', eventId: lost.id }]);
    const recorded = await here.pubsub.recent({ channel: 'c', limit: 10_000 });
    const ofPublisher = (publisher: number) =>
      recorded
        .map(({ payload }) => String(payload))
        .filter((payload) => payload.startsWith(`${publisher} `))
        .toReversed();
    expect(published.map((_, publisher) => ofPublisher(publisher))).toEqual(published);
  });
});

describe('pub/sub with a network in between', () => {
  const redis = useStarted(startStandalone);
  const proxy = useStarted(async () => {
    const started = new FaultProxy({ targetPort: redis().process.port });
    await started.start();
    return started;
  });

  afterEach(() => proxy().heal());

  it('notices a subscription that silently gets nothing, and reports the gap', async () => {
    const prefix = uniquePrefix();
    const deaf = await start({ url: proxy().url }, prefix, { deadline: 500, heartbeat: 200 });
    const direct = await start({ url: redis().url }, prefix);
    const { received, handler, payloads } = collector();
    await deaf.pubsub.subscribe('c', handler);
    await direct.pubsub.publish('c', 1);
    await eventually(() => received.length === 1);
    await proxy().blackHole();
    await direct.pubsub.publish('c', 'missed');
    await eventually(async () => {
      await deaf.pubsub.publish('c', 'x').catch(() => undefined);
      return deaf.degraded.length > 0;
    });
    await proxy().heal();
    await eventually(() => deaf.gaps.length > 0 && deaf.status.backing === 'redis');
    expect(deaf.gaps[0]?.since).toBeLessThanOrEqual(Date.now() - (deaf.gaps[0]?.durationMs ?? 0));
    await direct.pubsub.publish('c', 'heard');
    await eventually(() => payloads().includes('heard'));
    expect((await deaf.pubsub.recent()).map(({ payload }) => payload)).toContain('missed');
  });

  it('a question of a request without time left says that it was not asked', async () => {
    const here = await start({ url: redis().url }, uniquePrefix());
    const outOfTime = { requestId: 'r', redisBudget: new RedisBudget(0) };
    await expect(
      runInRequest(outOfTime, () => here.pubsub.recent({ channel: 'c' })),
    ).rejects.toMatchObject({
      reason: 'budget',
      outcome: 'not-executed',
    });
  });

  it('an event whose answer is lost is neither sent, recorded nor delivered twice', async () => {
    const prefix = uniquePrefix();
    const here = await start({ url: proxy().url }, prefix, {
      onRedisDown: 'buffer',
      deadline: 500,
      heartbeat: 500,
    });
    const there = await start({ url: redis().url }, prefix);
    const [own, others] = [collector(), collector()];
    await here.pubsub.subscribe('c', own.handler);
    await there.pubsub.subscribe('c', others.handler);
    await here.pubsub.publish('c', 'before');
    await eventually(() => own.received.length === 1 && others.received.length === 1);
    await proxy().halfOpen();
    const { delivery } = await here.pubsub.publish('c', 'unanswered');
    expect(delivery).toBe('buffered');
    await eventually(() => others.payloads().includes('unanswered'));
    await proxy().heal();
    await eventually(() => here.status.backing === 'redis' && here.gaps.length > 0);
    await here.pubsub.publish('c', 'after');
    await eventually(() => own.payloads().includes('after'));
    await eventually(() => others.payloads().includes('after'));
    const expected = ['before', 'unanswered', 'after'];
    expect([own.payloads(), others.payloads()]).toEqual([expected, expected]);
    const recorded = (await here.pubsub.recent()).map(({ payload }) => payload);
    expect(recorded).toEqual(expected.toReversed());
  });
});

describe('pub/sub on a lent client', () => {
  const redis = useStarted(startStandalone);

  it('receives on a copy, which survives a restart and is closed with the application', async () => {
    const lent = new Redis(redis().url, {
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
    });
    const clients = async () =>
      String(await lent.client('LIST'))
        .trim()
        .split('\n').length;
    const before = await clients();
    const here = await start({ client: lent }, uniquePrefix());
    const { received, handler } = collector();
    await here.pubsub.subscribe('c', handler);
    await here.pubsub.publish('c', 1);
    await eventually(() => received.length === 1);
    await redis().process.restart();
    await eventually(() => here.gaps.length === 1 && here.status.backing === 'redis');
    await here.pubsub.publish('c', 2);
    await eventually(() => received.length === 2);
    await here.close();
    apps.splice(0);
    await eventually(async () => (await clients()) === before);
    expect(await lent.get('still open')).toBeNull();
    lent.disconnect();
  });
});

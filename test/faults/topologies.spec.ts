import { shardOf } from '../../src/modules/pubsub/pubsub.keys.js';
import { collector } from '../contracts/pubsub/pubsub-fixture.js';
import { eventually } from '../support/eventually.js';
import { startCluster } from '../support/redis/redis-cluster.js';
import { queryRedis } from '../support/redis/redis-query.js';
import { startSentinel } from '../support/redis/redis-sentinel.js';
import { uniquePrefix, useStarted } from '../support/redis/shared-redis.js';
import { FaultyBackend } from './faulty-backend.js';
import { type FaultySessionApp, startFaultySessionApp } from './faulty-session-app.js';
import { PubSubApp } from './pubsub-app.js';

const listed = (nodes: readonly { host: string; port: number }[]): string =>
  nodes.map(({ host, port }) => `${host}:${port}`).join(',');

describe('the backend under load on a cluster', () => {
  const cluster = useStarted(() => startCluster());
  let backend: FaultyBackend;

  afterEach(async () => {
    await backend.stop();
  });

  it('goes on answering when every node freezes and thaws', async () => {
    backend = await FaultyBackend.start({ REDIS_CLUSTER_NODES: listed(cluster().addresses) });
    await backend.answersOnRedis();
    for (const node of cluster().nodes) node.freeze();
    await backend.answersDegraded();
    await backend.expectMemory();
    for (const node of cluster().nodes) node.thaw();
    await cluster().ready();
    await backend.recovers();
    backend.expectNoHarm();
  });

  it('goes on answering when one node is killed and comes back', async () => {
    backend = await FaultyBackend.start({ REDIS_CLUSTER_NODES: listed(cluster().addresses) });
    await backend.answersOnRedis();
    const [node] = cluster().nodes;
    await node?.kill();
    // Without full coverage the cluster stops serving, which takes its nodes a moment to notice.
    await backend.answersDegraded(600);
    await node?.restart();
    await cluster().ready();
    await backend.recovers();
    backend.expectNoHarm();
  });
});

describe('the backend under load behind Sentinel', () => {
  const sentinel = useStarted(() => startSentinel());
  let backend: FaultyBackend;

  afterEach(async () => {
    await backend.stop();
  });

  it('goes on answering when the master is killed, and moves to the new one', async () => {
    backend = await FaultyBackend.start({
      REDIS_SENTINELS: listed(sentinel().addresses),
      REDIS_SENTINEL_NAME: sentinel().name,
    });
    await backend.answersOnRedis();
    const old = await sentinel().master();
    await old.kill();
    await backend.answersDegraded();
    await backend.expectMemory();
    const promoted = await sentinel().masterOtherThan(old);
    expect(promoted.port).not.toBe(old.port);
    await backend.recovers();
    backend.expectNoHarm();
  });
});

describe('sessions behind Sentinel', () => {
  const sentinel = useStarted(() => startSentinel());
  const apps: FaultySessionApp[] = [];

  afterEach(() => Promise.all(apps.map((app) => app.close())));

  it('outlive the master: who was signed in still is, who signed out is not', async () => {
    const { addresses, name, servers } = sentinel();
    const start = async (policy: 'closed' | 'memory') => {
      const app = await startFaultySessionApp(policy, { sentinels: addresses, name });
      apps.push(app);
      const [ada, bob, eve] = [
        await app.signIn('ada'),
        await app.signIn('bob'),
        await app.signIn('eve'),
      ];
      await eventually(() => app.ask('DELETE /account/session', { cookie: eve }));
      await eventually(async () => expect(await app.statusWith(eve)).toBe(401));
      await app.answersOnRedis(ada);
      return { app, ada, bob, eve };
    };
    const [closed, memory] = [await start('closed'), await start('memory')];
    // Replication is asynchronous: what has not reached the replica is lost with the master.
    await eventually(async () => expect(await sizesOf(servers)).toHaveLength(1));

    const old = await sentinel().master();
    await old.kill();
    await eventually(async () => {
      expect(await closed.app.statusWith(closed.ada)).toBe(503);
      expect(await memory.app.statusWith(memory.ada)).toBe(401);
      expect(apps.filter(({ degraded }) => degraded.length > 0)).toEqual(apps);
    });
    await expect(closed.app.sessions.destroyAllForUser('bob')).rejects.toMatchObject({
      code: 'E_SESSION_BACKEND_DOWN',
    });
    await expect(memory.app.sessions.destroyAllForUser('bob')).resolves.toBe(0);

    await sentinel().masterOtherThan(old);
    for (const { app } of [closed, memory]) await app.recovers({ timeoutMs: 10_000 });
    for (const { app, ada, eve } of [closed, memory]) {
      await eventually(async () => expect(await app.statusWith(ada)).toBe(200));
      await eventually(async () => expect(await app.statusWith(eve)).toBe(401));
      await app.signIn('dan');
    }
    await eventually(async () => expect(await closed.app.statusWith(closed.bob)).toBe(200));
    await eventually(async () => expect(await memory.app.statusWith(memory.bob)).toBe(401));
  });
});

describe('pub/sub behind Sentinel while the master is killed', () => {
  const sentinel = useStarted(() => startSentinel());

  it('subscriptions come back on the new master, and it has what was recorded', async () => {
    const { addresses: sentinels, name } = sentinel();
    const prefix = uniquePrefix();
    const options = { onRedisDown: 'buffer', deadline: '1s', heartbeat: 200 } as const;
    const [here, there] = await Promise.all([
      PubSubApp.start({ sentinels, name }, prefix, options),
      PubSubApp.start({ sentinels, name }, prefix, options),
    ]);
    try {
      const [own, others] = [collector(), collector()];
      await here.pubsub.subscribe('c', own.handler);
      await there.pubsub.subscribePattern('c*', others.handler);
      await here.pubsub.publish('c', 'before');
      await eventually(() => own.received.length === 1 && others.received.length === 1);
      const old = await sentinel().master();
      const replica = sentinel().servers.find((server) => server !== old) ?? old;
      const events = `${prefix}:pubsub:v1:{${shardOf('c')}}:events:c`;
      // Replication is asynchronous: what has not reached the replica is lost with the master.
      const known = () => queryRedis(replica.url, (client) => client.exists(events));
      await eventually(async () => (await known()) === 1);
      await old.kill();
      await eventually(() => here.degraded.length > 0);
      expect(await here.pubsub.publish('c', 'away')).toMatchObject({ delivery: 'buffered' });
      await sentinel().masterOtherThan(old);
      const isBack = (app: PubSubApp) => app.status.backing === 'redis' && app.gaps.length > 0;
      await eventually(() => isBack(here) && isBack(there), { timeoutMs: 20_000 });
      await here.pubsub.publish('c', 'after');
      await eventually(() => others.payloads().includes('after'));
      await eventually(() => own.payloads().includes('after'));
      expect(own.payloads()).toEqual(['before', 'away', 'after']);
      await eventually(async () => {
        const recorded = await there.pubsub.recent({ channel: 'c' });
        expect(recorded.map(({ payload }) => payload)).toEqual(['after', 'away', 'before']);
      });
    } finally {
      await Promise.all([here.close(), there.close()]);
    }
  });
});

/** The different numbers of keys on these servers. */
async function sizesOf(servers: readonly { readonly url: string }[]): Promise<readonly number[]> {
  const sizes = await Promise.all(
    servers.map(({ url }) => queryRedis(url, (client) => client.dbsize())),
  );
  return [...new Set(sizes)];
}

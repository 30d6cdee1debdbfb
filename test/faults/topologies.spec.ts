import { startCluster } from '../support/redis/redis-cluster.js';
import { startSentinel } from '../support/redis/redis-sentinel.js';
import { useStarted } from '../support/redis/shared-redis.js';
import { FaultyBackend } from './faulty-backend.js';

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

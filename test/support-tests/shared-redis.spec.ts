import { Cluster } from 'ioredis';
import { queryRedis } from '../support/redis/redis-query.js';
import { uniquePrefix, useRedis, useStarted } from '../support/redis/shared-redis.js';
import { startStandalone } from '../support/redis/redis-standalone.js';
import { assertTopology } from '../support/redis/topology.js';

describe('a standalone Redis for a suite', () => {
  const given = process.env['TEST_REDIS_URL'];
  const redis = useRedis('standalone');
  const own = useStarted(() => startStandalone());

  afterEach(() => {
    if (given === undefined) delete process.env['TEST_REDIS_URL'];
    else process.env['TEST_REDIS_URL'] = given;
  });

  it('answers at its url as a standalone server', async () => {
    await queryRedis(redis().url, async (client) => {
      await assertTopology(client, 'standalone');
      await expect(assertTopology(client, 'cluster')).rejects.toThrow('needs a cluster Redis');
    });
  });

  it('can be frozen and killed only where it is our own', () => {
    const server = redis();
    expect(server.external).toBe(given !== undefined);
    expect('process' in server).toBe(given === undefined);
  });

  it('never hands out a prefix twice', () => {
    const prefixes = Array.from({ length: 100 }, uniquePrefix);
    expect(new Set(prefixes).size).toBe(100);
  });

  it('ends with its suite', async () => {
    expect(own().process.isRunning).toBe(true);
    await own().stop();
    expect(own().process.isRunning).toBe(false);
  });
});

describe('a cluster for a suite', () => {
  const cluster = useRedis('cluster');

  it('spreads keys over three masters', async () => {
    const client = new Cluster(cluster().addresses);
    try {
      await assertTopology(client, 'cluster');
      await expect(assertTopology(client, 'standalone')).rejects.toThrow('says it is cluster');
      const keys = Array.from({ length: 50 }, (_, index) => `${uniquePrefix()}:${index}`);
      await Promise.all(keys.map((key) => client.set(key, 'value')));
      const sizes = await Promise.all(cluster().nodes.map(keyCount));
      expect(sizes.every((size) => size > 0)).toBe(true);
    } finally {
      client.disconnect();
    }
  });

  it('names the node that holds a key', async () => {
    const keys = Array.from({ length: 20 }, uniquePrefix);
    for (const key of keys) {
      const node = await cluster().nodeOf(key);
      expect(await queryRedis(node.url, (client) => client.set(key, 'value'))).toBe('OK');
    }
  });

  it('takes a restarted node back', async () => {
    const [, node] = cluster().nodes;
    await node?.restart();
    await cluster().ready();
  });

  async function keyCount(node: { readonly url: string }): Promise<number> {
    return queryRedis(node.url, (client) => client.dbsize());
  }
});

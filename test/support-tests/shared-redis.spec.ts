import { Cluster } from 'ioredis';
import { startCluster } from '../support/redis/redis-cluster.js';
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

  it('is the one that was given, or serves other suites too', async () => {
    const others = await import('../support/redis/kept-redis.js');
    expect(redis().url).toBe(given ?? (await others.keptStandalone()).url);
  });

  it('is handed to the next spec file without keys and scripts', async () => {
    const { keptStandalone } = await import('../support/redis/kept-redis.js');
    const { url } = await keptStandalone();
    const left = await queryRedis(url, async (client) => {
      await client.set(uniquePrefix(), 'value');
      return [await client.dbsize(), await client.script('LOAD', 'return 1')] as const;
    });
    let next: string | undefined;
    await jest.isolateModulesAsync(async () => {
      const ofNextFile = await import('../support/redis/kept-redis.js');
      next = (await ofNextFile.keptStandalone()).url;
    });
    expect(next).toBe(url);
    await queryRedis(url, async (client) => {
      expect(await client.dbsize()).toBeLessThan(left[0]);
      expect(await client.script('EXISTS', left[1] as string)).toEqual([0]);
    });
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
  const cluster = useStarted(() => startCluster());

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

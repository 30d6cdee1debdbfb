import type { Cluster, Redis } from 'ioredis';
import { infoField, queryRedis } from './redis-query.js';

/** How the server behind a client is deployed. */
export type Topology = 'standalone' | 'cluster' | 'sentinel';

/**
 * Asks the server itself what it is, and throws when that is not what the suite is about.
 *
 * A cluster test that by mistake runs against a single server passes for the wrong reason. The
 * client's configuration proves nothing; the answer of the server does. Sentinels are recognised by
 * the connections that they keep to the master.
 *
 * @throws Error naming what was expected and what was found
 */
export async function assertTopology(client: Redis | Cluster, expected: Topology): Promise<void> {
  const found = await topologyOf(client).catch(askAsAdmin);
  if (found !== expected) {
    throw new Error(`This suite needs a ${expected} Redis, but the server says it is ${found}`);
  }
}

async function topologyOf(client: Redis | Cluster): Promise<Topology | 'a replica'> {
  if (infoField(await client.info('cluster'), 'cluster_enabled') === '1') return 'cluster';
  if (infoField(await client.info('replication'), 'role') !== 'master') return 'a replica';
  const connections = String(await client.client('LIST'));
  return /\bname=sentinel-/.test(connections) ? 'sentinel' : 'standalone';
}

/** A restricted user may not ask; its server's administrator may (`npm run test:acl`). */
function askAsAdmin(error: unknown): Promise<Topology | 'a replica'> {
  const url = process.env['TEST_REDIS_ADMIN_URL'];
  if (url === undefined || !String(error).includes('NOPERM')) throw error;
  return queryRedis(url, topologyOf);
}

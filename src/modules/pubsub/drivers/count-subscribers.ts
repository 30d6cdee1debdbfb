import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from '../../../common/redis/index.js';

/**
 * Connections subscribed to each Redis channel that matches. In a cluster every node knows its own
 * connections only, and a subscriber may sit on any of them, replicas included, so all are asked.
 */
export async function countSubscribers(
  client: RedisClient,
  match: string,
): Promise<ReadonlyMap<string, number>> {
  const nodes: readonly Redis[] = client instanceof Cluster ? client.nodes('all') : [client];
  const counts = new Map<string, number>();
  for (const ofNode of await Promise.all(nodes.map((node) => countOnNode(node, match)))) {
    for (const [name, count] of ofNode) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return counts;
}

async function countOnNode(
  node: Redis,
  match: string,
): Promise<readonly (readonly [name: string, count: number])[]> {
  const names = (await node.pubsub('CHANNELS', match)) as readonly string[];
  if (names.length === 0) return [];
  const flat = (await node.pubsub('NUMSUB', ...names)) as readonly (string | number)[];
  return names.map((name, index) => [name, Number(flat[2 * index + 1])]);
}

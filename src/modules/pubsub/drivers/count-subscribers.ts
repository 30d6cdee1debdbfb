import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from '../../../common/redis/index.js';

/** Names of the Redis channels with subscribers that match. */
export async function subscribedNames(
  client: RedisClient,
  match: string,
): Promise<readonly string[]> {
  const ofNodes = await askAll(
    client,
    (node) => node.pubsub('CHANNELS', match) as Promise<readonly string[]>,
  );
  return [...new Set(ofNodes.flat())];
}

/** Connections subscribed to each of these Redis channels. */
export async function countSubscribers(
  client: RedisClient,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>(names.map((name) => [name, 0]));
  if (names.length === 0) return counts;
  const ofNodes = await askAll(
    client,
    (node) => node.pubsub('NUMSUB', ...names) as Promise<readonly unknown[]>,
  );
  for (const flat of ofNodes) {
    names.forEach((name, at) => {
      counts.set(name, (counts.get(name) ?? 0) + Number(flat[2 * at + 1]));
    });
  }
  return counts;
}

/**
 * In a cluster every node knows its own connections only, and a subscriber may sit on any of them,
 * replicas included, so all are asked. One that cannot be reached has no subscribers.
 *
 * @throws what the first said, where none answers
 */
async function askAll<T>(client: RedisClient, ask: (node: Redis) => Promise<T>): Promise<T[]> {
  if (!(client instanceof Cluster)) return [await ask(client)];
  const answers = await Promise.allSettled(client.nodes('all').map(ask));
  const given = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const [first] = answers;
  if (given.length === 0 && first?.status === 'rejected') throw first.reason;
  return given;
}

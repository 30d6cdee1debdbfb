import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client-factory.js';

/** The client of a single node. */
export type RedisNodeClient = Redis;

/** Every node that owns keys: the server itself, or each master of a cluster. */
export function masters(client: RedisClient): readonly RedisNodeClient[] {
  return client instanceof Cluster ? client.nodes('master') : [client];
}

/** Keys a server looks at in one SCAN step; about 0.1 ms of its time. */
const SCAN_STEP = 500;

/** One step of a SCAN: the next cursor (`'0'` = done) and the keys that matched. */
export interface ScanStep {
  readonly cursor: string;
  readonly keys: readonly string[];
}

/** Runs one SCAN step on one node (https://redis.io/commands/scan). */
export async function scanStep(
  node: RedisNodeClient,
  cursor: string,
  match: string,
): Promise<ScanStep> {
  const [next, keys] = await node.scan(cursor, 'MATCH', match, 'COUNT', SCAN_STEP);
  return { cursor: next, keys };
}

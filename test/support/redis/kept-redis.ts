import { type RedisClusterSet, startCluster } from './redis-cluster.js';
import type { RedisProcess } from './redis-process.js';
import { queryRedis } from './redis-query.js';
import { type OwnRedis, startStandalone } from './redis-standalone.js';

/** What a worker of jest starts once, and hands to one spec file after the other. */
interface Kept {
  standalone?: OwnRedis;
  cluster?: RedisClusterSet;
}

/** A registered symbol is what outlives a spec file; our modules do not. */
const KEPT = Symbol.for('nest-backplane.kept-redis');

/** What this file has got already, and may have keys on. */
const handedOut: { [K in keyof Kept]: Promise<NonNullable<Kept[K]>> } = {};

/** The server of this worker, without keys and scripts of earlier spec files. */
export function keptStandalone(): Promise<OwnRedis> {
  return (handedOut.standalone ??= standalone());
}

/** The cluster of this worker, well and without keys and scripts of earlier spec files. */
export function keptCluster(): Promise<RedisClusterSet> {
  return (handedOut.cluster ??= cluster());
}

async function standalone(): Promise<OwnRedis> {
  const kept = keptHere();
  if (!kept.standalone?.process.isRunning) kept.standalone = await startStandalone();
  await hand(kept.standalone.process);
  return kept.standalone;
}

async function cluster(): Promise<RedisClusterSet> {
  const kept = keptHere();
  if (!kept.cluster?.nodes.every((node) => node.isRunning)) kept.cluster = await startCluster();
  // The file before may have frozen a node.
  await kept.cluster.ready();
  await Promise.all(kept.cluster.nodes.map(hand));
  return kept.cluster;
}

/** Nobody stops it: it ends with the worker, and must not keep that from ending. */
async function hand(server: RedisProcess): Promise<void> {
  server.unref();
  await queryRedis(server.url, async (client) => {
    await client.flushall();
    await client.script('FLUSH');
  });
}

function keptHere(): Kept {
  const kept: Kept = Reflect.get(globalThis, KEPT) ?? {};
  Reflect.set(globalThis, KEPT, kept);
  return kept;
}

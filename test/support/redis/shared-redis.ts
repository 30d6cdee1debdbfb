import { randomBytes } from 'node:crypto';
import { type RedisClusterSet, startCluster } from './redis-cluster.js';
import { queryRedis } from './redis-query.js';
import { type RedisSentinelSet, startSentinel } from './redis-sentinel.js';
import { type ExternalRedis, type OwnRedis, startStandalone } from './redis-standalone.js';
import { assertTopology, type Topology } from './topology.js';

/** Far above what starting takes, so that a slow machine fails with a reason instead of here. */
const HOOK_TIMEOUT_MS = 60_000;

/** What `useRedis` hands out for each topology. */
interface Deployments extends Record<Topology, { stop(): Promise<void> }> {
  readonly standalone: OwnRedis | ExternalRedis;
  readonly cluster: RedisClusterSet;
  readonly sentinel: RedisSentinelSet;
}

const START: { readonly [T in Topology]: () => Promise<Deployments[T]> } = {
  standalone: givenOrOwnRedis,
  cluster: () => startCluster(),
  sentinel: () => startSentinel(),
};

/**
 * Gives the surrounding suite a real Redis for as long as it runs, and returns the accessor for it.
 *
 * With `TEST_REDIS_URL` set, `'standalone'` is that server (`external: true`, nothing to freeze or
 * kill); keep to `uniquePrefix()` keys and never flush. A suite that makes Redis fail starts its
 * own with `useStarted(startStandalone)`.
 *
 * @example const redis = useRedis('standalone');
 *          it('…', () => connect(redis().url));
 */
export function useRedis<T extends Topology>(topology: T): () => Deployments[T] {
  return useStarted(START[topology]);
}

/** Starts anything that can be stopped before the surrounding suite, and stops it afterwards. */
export function useStarted<T extends { stop(): Promise<void> }>(start: () => Promise<T>): () => T {
  let started: T | undefined;
  beforeAll(async () => {
    started = await start();
  }, HOOK_TIMEOUT_MS);
  afterAll(async () => {
    await started?.stop();
    started = undefined;
  }, HOOK_TIMEOUT_MS);
  return () => {
    if (started === undefined) throw new Error('it only runs inside of tests and their hooks');
    return started;
  };
}

let prefixCount = 0;

/** A key prefix nobody else uses: not another test, a parallel worker, or an earlier run. */
export function uniquePrefix(): string {
  prefixCount += 1;
  return `t-${process.pid}-${prefixCount}-${randomBytes(4).toString('hex')}`;
}

async function givenOrOwnRedis(): Promise<OwnRedis | ExternalRedis> {
  const url = process.env['TEST_REDIS_URL'];
  if (!url) return startStandalone();
  try {
    await queryRedis(url, (client) => assertTopology(client, 'standalone'));
  } catch (error) {
    // The URL may hold a password, so it stays out of the message.
    throw new Error('The Redis at TEST_REDIS_URL cannot be used; start it or unset the variable', {
      cause: error,
    });
  }
  return { external: true, url, stop: () => Promise.resolve() };
}

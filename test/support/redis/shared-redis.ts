import { randomBytes } from 'node:crypto';
import { keptCluster, keptStandalone } from './kept-redis.js';
import type { RedisClusterSet } from './redis-cluster.js';
import { queryRedis } from './redis-query.js';
import type { SharedRedis } from './redis-standalone.js';
import { assertTopology } from './topology.js';

/** Far above what starting takes, so that a slow machine fails with a reason instead of here. */
const HOOK_TIMEOUT_MS = 60_000;

/** What `useRedis` hands out for each topology. */
interface Deployments {
  readonly standalone: SharedRedis;
  readonly cluster: RedisClusterSet;
}

const OPEN: { readonly [T in keyof Deployments]: () => Promise<Deployments[T]> } = {
  standalone: givenOrKeptRedis,
  cluster: keptCluster,
};

/**
 * Gives the surrounding suite a real Redis, and returns the accessor for it.
 *
 * The same one serves the spec files before and after; with `TEST_REDIS_URL` set, `'standalone'` is
 * that server. So keep to `uniquePrefix()` keys, flush nothing and configure nothing. A suite that
 * makes Redis fail starts its own with `useStarted(startStandalone)`.
 *
 * @example const redis = useRedis('standalone');
 *          it('…', () => connect(redis().url));
 */
export function useRedis<T extends keyof Deployments>(topology: T): () => Deployments[T] {
  let redis: Deployments[T] | undefined;
  beforeAll(async () => {
    redis = await OPEN[topology]();
  }, HOOK_TIMEOUT_MS);
  return () => insideOfTests(redis);
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
  return () => insideOfTests(started);
}

function insideOfTests<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it only runs inside of tests and their hooks');
  return value;
}

let prefixCount = 0;

/** A key prefix nobody else uses: not another test, a parallel worker, or an earlier run. */
export function uniquePrefix(): string {
  prefixCount += 1;
  return `t-${process.pid}-${prefixCount}-${randomBytes(4).toString('hex')}`;
}

async function givenOrKeptRedis(): Promise<SharedRedis> {
  const url = process.env['TEST_REDIS_URL'];
  if (!url) return keptStandalone();
  try {
    await queryRedis(url, (client) => assertTopology(client, 'standalone'));
  } catch (error) {
    // The URL may hold a password, so it stays out of the message.
    throw new Error('The Redis at TEST_REDIS_URL cannot be used; start it or unset the variable', {
      cause: error,
    });
  }
  return { url };
}

import { EventStream } from '../../../src/common/events/index.js';
import { RedisConnections, type RedisTarget } from '../../../src/common/redis/index.js';
import { resolveRedisOptions } from '../../../src/common/redis/resolve-redis-options.js';
import { type Duration, SystemClock } from '../../../src/common/time/index.js';
import { openQuorum } from '../../../src/modules/lock/drivers/open-quorum.js';
import type { LockDriver, LockOptions } from '../../../src/modules/lock/index.js';
import { resolveLockOptions } from '../../../src/modules/lock/lock.options.js';
import { startTogether, stopTogether } from '../../support/redis/redis-group.js';
import { RedisProcess } from '../../support/redis/redis-process.js';
import { harnessOn, type LockHarness } from './lock-harness.js';

/** Masters of a test's own. */
export interface Masters {
  readonly servers: readonly RedisProcess[];
  readonly nodes: readonly { readonly url: string }[];
  stop(): Promise<void>;
}

/** Starts three, which know nothing of each other. */
export async function startMasters(): Promise<Masters> {
  const servers = await startTogether([1, 2, 3].map(() => RedisProcess.start()));
  const nodes = servers.map(({ url }) => ({ url }));
  return { servers, nodes, stop: () => stopTogether(servers) };
}

/** Locks of one process on a quorum, as the module opens them. */
export interface QuorumLocks extends LockHarness<SystemClock> {
  readonly driver: LockDriver;
  readonly reachable: () => Promise<unknown>;
  close(): void;
}

export interface QuorumFixtureOptions extends LockOptions {
  readonly prefix: string;
  /** How long it waits for masters that are away. @default '10s' */
  readonly bootTimeout?: Duration;
}

/** Connects to the masters; those that are away are tried again. */
export async function openQuorumLocks(
  nodes: readonly { readonly url: string }[],
  { prefix, bootTimeout = '10s', ...given }: QuorumFixtureOptions,
): Promise<QuorumLocks> {
  const connections: { default: RedisTarget } = { default: nodes[0] as { url: string } };
  const options = resolveRedisOptions({ connections, prefix, bootTimeout, connectTimeout: '5s' });
  const redis = new RedisConnections(options, new EventStream());
  const clock = new SystemClock();
  const lock = resolveLockOptions({ deadline: '5s', quorum: { nodes }, ...given });
  const quorum = openQuorum(redis, { options: lock, clock });
  if (quorum === undefined) throw new Error('no quorum is configured');
  await redis.onModuleInit();
  await quorum.onApplicationBootstrap();
  const reachable = async (): Promise<unknown> => (await quorum.details())['reachable'];
  const { driver } = quorum.failover;
  return { ...harnessOn(driver, clock), reachable, close: () => redis.onApplicationShutdown() };
}

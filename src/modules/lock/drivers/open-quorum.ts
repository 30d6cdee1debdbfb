import { InvalidOptionError } from '../../../common/errors/index.js';
import type {
  FailoverDriver,
  RedisConnection,
  RedisConnections,
} from '../../../common/redis/index.js';
import type { Details } from '../../../common/status/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { LockDriver } from '../lock.driver.js';
import type { ResolvedLockOptions } from '../lock.options.js';
import { LockChannel } from './lock-channel.js';
import { lockFailover } from './lock-failover.js';
import { QuorumGate } from './quorum-gate.js';
import { QuorumLockDriver } from './quorum-lock.driver.js';
import { checkMasters } from './quorum-masters.js';
import { QuorumNode } from './quorum-node.js';
import { RedisLockDriver } from './redis-lock.driver.js';

export interface QuorumContext {
  readonly options: ResolvedLockOptions;
  readonly clock: Clock;
}

/** Locks on several masters, with the failure policy behind. */
export interface OpenQuorum {
  readonly failover: FailoverDriver<LockDriver>;
  /** For `/health/deep`. */
  readonly details: () => Promise<Details>;
  /** Stops the boot where what is there cannot be a quorum. @throws InvalidOptionError */
  readonly onApplicationBootstrap: () => Promise<void>;
}

/**
 * Opens a connection to each master; `undefined` where no quorum is configured.
 *
 * @throws InvalidOptionError without `RedisModule`, whose prefix and time limits they have
 */
export function openQuorum(
  redis: RedisConnections | undefined,
  context: QuorumContext,
): OpenQuorum | undefined {
  const { options, clock } = context;
  if (options.quorum === undefined) return undefined;
  if (redis === undefined) {
    throw new InvalidOptionError('lock.quorum', 'needs "redis.connections" beside it');
  }
  const { nodes, driftFactor } = options.quorum;
  const connections = nodes.map((target, index) => redis.open(`lock-${index + 1}`, target));
  const opened = connections.map((connection) => openNode(connection, context));
  const gate = new QuorumGate(opened.map((node) => node.gate));
  const driver = new QuorumLockDriver(opened, { clock, driftFactor });
  return {
    failover: lockFailover(driver, { ...options, gate, clock }),
    details: async () => ({ masters: opened.length, reachable: gate.reachable }),
    onApplicationBootstrap: () => checkMasters(connections),
  };
}

function openNode(connection: RedisConnection, { options, clock }: QuorumContext): QuorumNode {
  const { deadlineMs } = options;
  // It only has a name: nobody waits on a master, so that nothing is subscribed to.
  const channel = new LockChannel(connection);
  const locks = new RedisLockDriver(connection, { deadlineMs, clock, channel });
  const { gate } = connection;
  const { driver } = lockFailover(locks, { gate, clock, onRedisDown: 'closed' });
  return new QuorumNode(connection, { deadlineMs, locks: driver });
}

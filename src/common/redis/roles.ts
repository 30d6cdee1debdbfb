import type { ClusterOptions } from 'ioredis';
import type { CommonRedisOptions } from 'ioredis/built/redis/RedisOptions.js';

/**
 * What a connection is for. The right settings contradict each other (a command deadline kills a
 * blocking worker; endless retries hang a request), so every role has a client of its own.
 */
export type RedisRole = 'command' | 'durable' | 'producer' | 'worker' | 'subscriber' | 'probe';

/** Answers now or fails now: nothing is queued, retried or resent behind the caller's back. */
const FAIL_FAST = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
} satisfies CommonRedisOptions;

export const ROLE_SETTINGS: Readonly<Record<RedisRole, CommonRedisOptions>> = {
  command: FAIL_FAST,
  // Waits for replicas (WAIT), and with it whatever follows on the connection.
  durable: FAIL_FAST,
  producer: { ...FAIL_FAST, commandTimeout: 2_000 },
  // Blocks on purpose, so no command timeout; without a socket timeout a silently dropped
  // connection would stall it for ever.
  worker: { maxRetriesPerRequest: null, socketTimeout: 8_000 },
  // Tracking redirects invalidations as RESP2 messages only.
  subscriber: { maxRetriesPerRequest: null, protocol: 2, autoResubscribe: true },
  // Nothing else ends a connection that was accepted and is not greeted.
  probe: { ...FAIL_FAST, socketTimeout: 2_000 },
};

/**
 * The same for the cluster client, which by default sends a command again when the connection of
 * its node is lost, though the server may have run it, and waits for a cluster that is down. Only
 * redirections stay (MOVED, ASK, TRYAGAIN): the node that answers them has not run the command.
 *
 * It queues, or commands for a node whose connection is just being made would fail: ioredis
 * connects to a node when the first command is for it. They are sent once; the gate is open, so
 * that nothing is asked, while the cluster as a whole is not connected.
 */
const FAIL_FAST_IN_CLUSTER = {
  enableOfflineQueue: true,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
} satisfies ClusterOptions;

/** What ioredis takes for the cluster as a whole; its nodes get `ROLE_SETTINGS`. */
export const CLUSTER_ROLE_SETTINGS: Readonly<Record<RedisRole, ClusterOptions>> = {
  command: FAIL_FAST_IN_CLUSTER,
  durable: FAIL_FAST_IN_CLUSTER,
  producer: FAIL_FAST_IN_CLUSTER,
  worker: {},
  subscriber: {},
  probe: FAIL_FAST_IN_CLUSTER,
};

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 500;

/** Exponential back-off with equal jitter; never gives up. */
export function reconnectDelayMs(attempt: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling / 2 + (Math.random() * ceiling) / 2);
}

import type { CommonRedisOptions } from 'ioredis/built/redis/RedisOptions.js';

/**
 * What a connection is for. The right settings contradict each other (a command deadline kills a
 * blocking worker; endless retries hang a request), so every role has a client of its own.
 */
export type RedisRole = 'command' | 'producer' | 'worker' | 'subscriber' | 'probe';

/** Answers now or fails now: nothing is queued, retried or resent behind the caller's back. */
const FAIL_FAST = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
} satisfies CommonRedisOptions;

export const ROLE_SETTINGS: Readonly<Record<RedisRole, CommonRedisOptions>> = {
  command: FAIL_FAST,
  producer: { ...FAIL_FAST, commandTimeout: 2_000 },
  // Blocks on purpose, so no command timeout; without a socket timeout a silently dropped
  // connection would stall it for ever.
  worker: { maxRetriesPerRequest: null, socketTimeout: 8_000 },
  // Tracking redirects invalidations as RESP2 messages only.
  subscriber: { maxRetriesPerRequest: null, protocol: 2, autoResubscribe: true },
  probe: FAIL_FAST,
};

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 500;

/** Exponential back-off with equal jitter; never gives up. */
export function reconnectDelayMs(attempt: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling / 2 + (Math.random() * ceiling) / 2);
}

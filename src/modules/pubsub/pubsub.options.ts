import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import { callable, duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { PubSubDriver, PubSubDriverContext } from './pubsub.driver.js';

/**
 * What `publish` does while Redis is away. Handlers in this process get the event in any case.
 *
 * - `reject`: rejects with `E_PUBSUB_BACKEND_DOWN`, so that the caller knows that nobody else got it.
 * - `local`: resolves with `delivery: 'local'`.
 * - `buffer`: keeps up to `bufferSize` events, of `maxMemoryBytes` together, and sends them, in order
 *   and once, when Redis is back; beyond that it rejects as `reject` does.
 */
export type PubSubFailurePolicy = 'reject' | 'local' | 'buffer';

export interface PubSubOptions {
  /** @default 'reject' */
  readonly onRedisDown?: PubSubFailurePolicy;
  /** Events kept in this process by `buffer`; at most 10000. @default 1000 */
  readonly bufferSize?: number;
  /**
   * Events kept of each channel, and of all together, for `recent`. At most 10000.
   * @default 1000
   */
  readonly historySize?: number;
  /** How long events are kept for `recent`. @default '24h' */
  readonly historyTtl?: Duration;
  /** Events of all channels the memory driver keeps; beyond it the oldest goes. @default 10000 */
  readonly maxMemoryEvents?: number;
  /**
   * Bytes of JSON that the memory driver keeps; beyond it the oldest event goes. As much again is
   * what `buffer` keeps; beyond it `publish` rejects. @default 64 MiB
   */
  readonly maxMemoryBytes?: number;
  /** Largest event, in bytes of its JSON. @default 256 KiB */
  readonly maxPayloadBytes?: number;
  /** A promise of a handler that is not settled by then is reported as failed. @default '30s' */
  readonly handlerTimeout?: Duration;
  /**
   * How often the subscription is proved to be alive; a dead one is noticed within two.
   * @default '2s'
   */
  readonly heartbeat?: Duration;
  /** How often a quiet SSE stream is written to, so that proxies keep it. @default '15s' */
  readonly streamHeartbeat?: Duration;
  /**
   * Events that wait for a slow SSE client; beyond it they are dropped and counted.
   * @default 256
   */
  readonly streamBuffer?: number;
  /** Longest wait for Redis in one call. @default '100ms' */
  readonly deadline?: Duration;
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<PubSubDriver, PubSubDriverContext>;
}

const schema = z
  .strictObject({
    onRedisDown: z.enum(['reject', 'local', 'buffer']).default('reject'),
    bufferSize: positiveInteger().max(10_000).default(1_000),
    historySize: positiveInteger().max(10_000).default(1_000),
    historyTtl: duration().prefault('24h'),
    maxMemoryEvents: positiveInteger().default(10_000),
    maxMemoryBytes: positiveInteger().default(64 * 1024 * 1024),
    maxPayloadBytes: positiveInteger().default(256 * 1024),
    handlerTimeout: duration().prefault('30s'),
    heartbeat: duration().prefault('2s'),
    streamHeartbeat: duration().prefault('15s'),
    streamBuffer: positiveInteger().default(256),
    deadline: duration().prefault('100ms'),
    driver: callable<DriverFactory<PubSubDriver, PubSubDriverContext>>().optional(),
  })
  .transform(({ historyTtl, handlerTimeout, heartbeat, streamHeartbeat, deadline, ...rest }) => ({
    ...rest,
    historyTtlMs: historyTtl,
    handlerTimeoutMs: handlerTimeout,
    heartbeatMs: heartbeat,
    streamHeartbeatMs: streamHeartbeat,
    deadlineMs: deadline,
  }));

export type ResolvedPubSubOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolvePubSubOptions(options: PubSubOptions): ResolvedPubSubOptions {
  return parseOptions(schema, options, 'pubsub');
}

import { z } from 'zod';
import { duration, positiveInteger } from '../../../common/options/index.js';
import type { Duration } from '../../../common/time/index.js';

/** How `CacheService.writeBehind` writes to the source. */
export interface WriteBehindOptions {
  /** Keys that may wait for their write, or be written, at once. @default 1000 */
  readonly maxPending?: number;
  /** What a call does beyond `maxPending`: it waits for room, or rejects. @default 'wait' */
  readonly whenFull?: 'wait' | 'reject';
  /**
   * The source is written so long after the first value of a key; the values that come meanwhile cost
   * it nothing, but for the latest. @default as soon as possible
   */
  readonly delay?: Duration;
  /** Writes at once, of different keys. @default 8 */
  readonly concurrency?: number;
  /** Writes of one value before it is given up. @default 5 */
  readonly attempts?: number;
  /** Pause after the first failure; twice as long after each, up to a minute. @default '200ms' */
  readonly backOff?: Duration;
  /** Values that were given up, and are kept to be replayed; beyond it the oldest goes. @default 1000 */
  readonly maxDead?: number;
  /** Longest the shutdown waits for what is left. @default '10s' */
  readonly shutdownTimeout?: Duration;
}

/** For `cache.writeBehind`. */
export const writeBehindSchema = z
  .strictObject({
    maxPending: positiveInteger().default(1_000),
    whenFull: z.enum(['wait', 'reject']).default('wait'),
    delay: duration().optional(),
    concurrency: positiveInteger().default(8),
    attempts: positiveInteger().default(5),
    backOff: duration().prefault('200ms'),
    maxDead: positiveInteger().default(1_000),
    shutdownTimeout: duration().prefault('10s'),
  })
  .transform(({ delay, backOff, shutdownTimeout, ...rest }) => ({
    ...rest,
    delayMs: delay ?? 0,
    backOffMs: backOff,
    shutdownTimeoutMs: shutdownTimeout,
  }));

export type ResolvedWriteBehindOptions = z.output<typeof writeBehindSchema>;

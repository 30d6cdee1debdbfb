import { hostname } from 'node:os';
import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import { callable, duration, parseOptions } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { LockDriver } from './lock.driver.js';

export interface LockOptions {
  /**
   * While Redis is away: refuse (`E_LOCK_BACKEND_DOWN`), or lock within this process, which is only
   * right where the application is a single process. @default 'closed'
   */
  readonly onRedisDown?: 'closed' | 'memory';
  /** Longest wait for Redis in one call; waiting for a lock makes many. @default '100ms' */
  readonly deadline?: Duration;
  /**
   * Replicas that have to have a grant, or an extension, before it counts; where they do not say so
   * within the deadline, the lock is given back and `E_LOCK_BACKEND_DOWN` thrown. Takes a connection
   * and a round trip more. Not in a Redis Cluster. @default 0
   */
  readonly replicas?: number;
  /** How operators see this process as a holder. @default host name and process id */
  readonly owner?: string;
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<LockDriver>;
}

const schema = z
  .strictObject({
    onRedisDown: z.enum(['closed', 'memory']).default('closed'),
    deadline: duration().prefault('100ms'),
    replicas: z.int('must be a whole number').min(0, 'must be at least 0').default(0),
    owner: z
      .string()
      .min(1, 'must be a text of at least one character')
      .max(200, 'must be at most 200 characters')
      .default(() => `${hostname()}:${process.pid}`),
    driver: callable<DriverFactory<LockDriver>>().optional(),
  })
  .transform(({ deadline, ...rest }) => ({ ...rest, deadlineMs: deadline }));

export type ResolvedLockOptions = z.output<typeof schema>;

/** Validates the module's options and applies the defaults. @throws InvalidOptionError */
export function resolveLockOptions(options: LockOptions): ResolvedLockOptions {
  return parseOptions(schema, options, 'lock');
}

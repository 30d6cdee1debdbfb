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
  /** How operators see this process as a holder. @default host name and process id */
  readonly owner?: string;
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<LockDriver>;
}

/** How long a lock is held. */
export interface HoldOptions {
  /** The hold ends by itself after this time, unless it is extended. */
  readonly ttl: Duration;
}

/** How to take a lock that may be busy. */
export interface LockedOptions extends HoldOptions {
  /** Longest wait for a busy lock. @default 0: `E_LOCK_BUSY` at once */
  readonly wait?: Duration;
}

export interface AcquireOptions extends LockedOptions {
  /** Ends the waiting: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const schema = z
  .strictObject({
    onRedisDown: z.enum(['closed', 'memory']).default('closed'),
    deadline: duration().prefault('100ms'),
    owner: z
      .string()
      .min(1, 'must be a text of at least one character')
      .max(200, 'must be at most 200 characters')
      .default(() => `${hostname()}:${process.pid}`),
    driver: callable<DriverFactory<LockDriver>>().optional(),
  })
  .transform(({ deadline, ...rest }) => ({ ...rest, deadlineMs: deadline }));

export type ResolvedLockOptions = z.output<typeof schema>;

/** By shape: the signal may come from another realm than this code. */
function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'aborted') === 'boolean';
}

const hold = { ttl: duration() };
const locked = { ...hold, wait: z.union([z.literal(0), duration()]).default(0) };

const holdSchema = z.strictObject(hold).transform(({ ttl }) => ({ ttlMs: ttl }));

const acquireSchema = z
  .strictObject({
    ...locked,
    signal: z.custom<AbortSignal>(isSignal, 'must be an AbortSignal').optional(),
  })
  .transform(({ ttl, wait, signal }) => ({ ttlMs: ttl, waitMs: wait, signal }));

const lockedSchema = z.strictObject(locked);

export type ResolvedAcquireOptions = z.output<typeof acquireSchema>;

/** Validates the module's options and applies the defaults. @throws InvalidOptionError */
export function resolveLockOptions(options: LockOptions): ResolvedLockOptions {
  return parseOptions(schema, options, 'lock');
}

/** The same for `tryAcquire`. */
export function resolveHold(options: HoldOptions): { readonly ttlMs: number } {
  return parseOptions(holdSchema, options, 'lock');
}

/** The same for everything that may wait. */
export function resolveAcquire(options: AcquireOptions): ResolvedAcquireOptions {
  return parseOptions(acquireSchema, options, 'lock');
}

/** The same for a decorator. */
export function resolveLocked(options: LockedOptions): LockedOptions {
  return parseOptions(lockedSchema, options, '@Locked');
}

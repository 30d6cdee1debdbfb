import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import type { HttpRequest } from '../../common/http/index.js';
import { callable, duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { CacheDriver } from './cache.driver.js';

/** Who is asking, for `userAware` routes; `undefined` for nobody in particular. */
export type UserIdOf = (request: HttpRequest) => string | undefined;

export interface CacheOptions {
  /** Time to live of entries that do not say otherwise. @default '5m' */
  readonly ttl?: Duration;
  /** Entries the memory driver keeps. @default 1000 */
  readonly maxEntries?: number;
  /** Bytes of values the memory driver keeps. @default 64 MiB */
  readonly maxBytes?: number;
  /** Largest packed value that is stored. @default 1 MiB */
  readonly maxValueBytes?: number;
  /** Packed values of at least this many bytes are compressed. @default never */
  readonly compressAbove?: number;
  /** While Redis is away: a bounded memory cache, or none. @default 'memory' */
  readonly fallback?: 'memory' | 'bypass';
  /** Longest time to live of what the fallback keeps. @default '30s' */
  readonly fallbackTtl?: Duration;
  /** Longest wait for Redis in one call. @default '100ms' */
  readonly deadline?: Duration;
  /** @default `request.user.id`, else `request.user.sub` */
  readonly userId?: UserIdOf;
  /**
   * Request headers that may tell who is asking. A request with one of them is answered from the
   * cache only on routes that are `public`, or `userAware` and told the user.
   * @default ['authorization', 'cookie', 'x-api-key']
   */
  readonly credentialHeaders?: readonly string[];
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<CacheDriver>;
}

const MIB = 1024 * 1024;

const schema = z
  .strictObject({
    ttl: duration().prefault('5m'),
    maxEntries: positiveInteger().default(1_000),
    maxBytes: positiveInteger().default(64 * MIB),
    maxValueBytes: positiveInteger().default(MIB),
    compressAbove: positiveInteger().optional(),
    fallback: z.enum(['memory', 'bypass']).default('memory'),
    fallbackTtl: duration().prefault('30s'),
    deadline: duration().prefault('100ms'),
    userId: callable<UserIdOf>().default(() => userIdOf),
    credentialHeaders: z.array(z.string().min(1)).default(['authorization', 'cookie', 'x-api-key']),
    driver: callable<DriverFactory<CacheDriver>>().optional(),
  })
  .transform(({ ttl, fallbackTtl, deadline, compressAbove, ...rest }) => ({
    ...rest,
    ttlMs: ttl,
    fallbackTtlMs: fallbackTtl,
    deadlineMs: deadline,
    compressAboveBytes: compressAbove,
  }));

export type ResolvedCacheOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveCacheOptions(options: CacheOptions): ResolvedCacheOptions {
  return parseOptions(schema, options, 'cache');
}

function userIdOf({ user }: HttpRequest): string | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  const id: unknown = Reflect.get(user, 'id') ?? Reflect.get(user, 'sub');
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
}

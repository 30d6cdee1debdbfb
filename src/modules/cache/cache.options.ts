import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import type { HttpRequest } from '../../common/http/index.js';
import { callable, duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { CacheDriver } from './cache.driver.js';
import type { CacheEntryOptions } from './cache-entry.options.js';
import type { EntryTerms } from './cache-loader.js';
import { type WriteBehindOptions, writeBehindSchema } from './write/write-behind.options.js';

/**
 * Who is asking, for `userAware` routes; `undefined` for nobody in particular, and for a
 * `request.user` that has nothing to be told by: such a request does not meet the cache.
 */
export type UserIdOf = (request: HttpRequest) => string | undefined;

/** How the cache works; what is said of entries holds for those that do not say otherwise. */
export interface CacheOptions extends Omit<CacheEntryOptions, 'tags' | 'shouldStore'> {
  /**
   * `false`: no copies of entries are kept in the process, so that every look-up asks Redis, and none
   * is answered by what another process has changed in the last moment. @default true
   */
  readonly localCopies?: boolean;
  /** Entries kept in this process: copies of those in Redis, or all there are. @default 1000 */
  readonly maxEntries?: number;
  /** Bytes of entries kept in this process. @default 64 MiB */
  readonly maxBytes?: number;
  /**
   * Which copies in this process go beyond these bounds: `lru`, the least recently used, or `lfu`, the
   * less frequently used (W-TinyLFU), which keeps what is popular through scans of what is read once.
   * @default 'lru'
   */
  readonly eviction?: 'lru' | 'lfu';
  /**
   * A key whose load failed while there was an old value to serve is not loaded again for so long.
   * @default '1s'
   */
  readonly failureBackOff?: Duration;
  /**
   * Who shares a load: everybody who wants the key, by a lock, where `LockModule` is there; or only
   * the callers of one process, which spares two commands for each load. @default 'everywhere'
   */
  readonly singleFlight?: 'everywhere' | 'process';
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
  /** How `writeBehind` writes to sources. */
  readonly writeBehind?: WriteBehindOptions;
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
    staleWhileRevalidate: duration().optional(),
    staleIfError: duration().optional(),
    softTimeout: duration().optional(),
    hardTimeout: duration().prefault('30s'),
    earlyRefresh: z.number().min(0, 'must be at least 0').default(0),
    jitter: z.number().min(0, 'must be at least 0').max(1, 'must be at most 1').default(0),
    negativeTtl: z.union([z.literal(0), duration()]).optional(),
    failureBackOff: duration().prefault('1s'),
    singleFlight: z.enum(['everywhere', 'process']).default('everywhere'),
    localCopies: z.boolean().default(true),
    maxEntries: positiveInteger().default(1_000),
    maxBytes: positiveInteger().default(64 * MIB),
    eviction: z.enum(['lru', 'lfu']).default('lru'),
    maxValueBytes: positiveInteger().default(MIB),
    compressAbove: positiveInteger().optional(),
    fallback: z.enum(['memory', 'bypass']).default('memory'),
    fallbackTtl: duration().prefault('30s'),
    deadline: duration().prefault('100ms'),
    writeBehind: writeBehindSchema.prefault({}),
    userId: callable<UserIdOf>().default(() => userIdOf),
    credentialHeaders: z.array(z.string().min(1)).default(['authorization', 'cookie', 'x-api-key']),
    driver: callable<DriverFactory<CacheDriver>>().optional(),
  })
  .transform(({ fallbackTtl, deadline, compressAbove, failureBackOff, ...input }) => {
    const { ttl, staleWhileRevalidate, staleIfError, softTimeout, hardTimeout, ...others } = input;
    const { earlyRefresh, jitter, negativeTtl, ...rest } = others;
    const entries: EntryTerms = {
      ttlMs: ttl,
      staleWhileRevalidateMs: staleWhileRevalidate ?? 0,
      staleIfErrorMs: staleIfError ?? 0,
      softTimeoutMs: softTimeout,
      hardTimeoutMs: hardTimeout,
      earlyRefresh,
      jitter,
      negativeTtlMs: negativeTtl,
      tags: [],
      shouldStore: undefined,
    };
    return {
      ...rest,
      /** How entries are kept that do not say otherwise. */
      entries,
      ttlMs: ttl,
      failureBackOffMs: failureBackOff,
      fallbackTtlMs: fallbackTtl,
      deadlineMs: deadline,
      compressAboveBytes: compressAbove,
    };
  });

export type ResolvedCacheOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveCacheOptions(options: CacheOptions): ResolvedCacheOptions {
  return parseOptions(schema, options, 'cache');
}

function userIdOf({ user }: HttpRequest): string | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  const id: unknown = Reflect.get(user, 'id') ?? Reflect.get(user, 'sub');
  const isText = typeof id === 'string' || typeof id === 'bigint' || Number.isFinite(id);
  return isText ? String(id) : undefined;
}

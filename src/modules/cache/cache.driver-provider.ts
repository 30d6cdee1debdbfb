import type { FactoryProvider } from '@nestjs/common';
import { type DriverPlan, openDriver } from '../../common/drivers/index.js';
import { FailoverDriver, REDIS_CONNECTIONS } from '../../common/redis/index.js';
import type { RedisConnection, RedisConnections, RedisGate } from '../../common/redis/index.js';
import { ServiceRegistry } from '../../common/status/index.js';
import { CLOCK, type Clock } from '../../common/time/index.js';
import { CacheCounters } from './cache-counters.js';
import { type CacheChange, CacheDriver } from './cache.driver.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { type ByteStore, byteStoreOf } from './cache-manager/byte-store.js';
import { BypassCacheDriver } from './drivers/bypass-cache.driver.js';
import { CacheChannel } from './drivers/cache-channel.js';
import { type FallbackCopies, InvalidationJournal } from './drivers/invalidation-journal.js';
import { MemoryCacheDriver } from './drivers/memory-cache.driver.js';
import { ProvisionalCacheDriver } from './drivers/provisional-cache.driver.js';
import { RedisCacheDriver } from './drivers/redis-cache.driver.js';

/** Name of the service in health bodies. */
export const CACHE_SERVICE = 'cache';

const OPTIONAL_REDIS = { token: REDIS_CONNECTIONS, optional: true };

/**
 * `undefined` where the cache is not in Redis. A provider, so that Nest closes it: a driver behind a
 * failure policy has no hooks of its own.
 */
export const cacheChannelProvider: FactoryProvider<CacheChannel | undefined> = {
  provide: CacheChannel,
  inject: [CACHE_OPTIONS, OPTIONAL_REDIS],
  useFactory: ({ driver }: ResolvedCacheOptions, redis?: RedisConnections) =>
    redis === undefined || driver !== undefined
      ? undefined
      : new CacheChannel(openConnection(redis)),
};

/** In the order of `inject`. */
type Injected = readonly [
  options: ResolvedCacheOptions,
  clock: Clock,
  services: ServiceRegistry,
  counters: CacheCounters,
  channel: CacheChannel | undefined,
  redis: RedisConnections | undefined,
];

/**
 * The application's own driver where there is one; memory where no Redis is configured; else Redis,
 * with the failure policy behind it.
 */
export const cacheDriverProvider: FactoryProvider<CacheDriver> = {
  provide: CacheDriver,
  inject: [CACHE_OPTIONS, CLOCK, ServiceRegistry, CacheCounters, CacheChannel, OPTIONAL_REDIS],
  useFactory: (...injected: Injected) => {
    const [options, clock, services, counters, channel, redis] = injected;
    const plan: DriverPlan<CacheDriver> = {
      service: CACHE_SERVICE,
      details: async () => counters.lookups(),
      option: 'cache.driver',
      custom: options.driver,
      context: { clock },
      memory: () => new MemoryCacheDriver({ clock, ...options }),
      redis: (connections) => {
        const connection = openConnection(connections);
        const { deadlineMs } = options;
        const primary = new RedisCacheDriver(connection, {
          deadlineMs,
          ...(channel && { channel }),
        });
        return cacheFailover(primary, { gate: connection.gate, options, clock });
      },
      whileAway: { backing: options.fallback === 'memory' ? 'memory' : 'none', isServing: true },
    };
    return openDriver(plan, { services, redis });
  },
};

function openConnection(connections: RedisConnections): RedisConnection {
  return connections.use('cache', ['command', 'subscriber']);
}

/** What the failure policy needs to know. */
export interface CacheFailoverContext {
  readonly gate: RedisGate;
  readonly options: ResolvedCacheOptions;
  readonly clock: Clock;
}

/**
 * Puts the failure policy of the cache behind a driver that works on Redis. What others change there
 * is changed in the fallback as well, as far as it is told.
 */
export function cacheFailover(
  primary: CacheDriver,
  { gate, options, clock }: CacheFailoverContext,
): FailoverDriver<CacheDriver> {
  const { memory, journal, fallback, bypass } = whileAway(options, clock);
  primary.changes?.onChange((change) => apply(change, memory));
  return new FailoverDriver<CacheDriver>({
    primary,
    fallback,
    refusal: () => bypass,
    gate,
    journal,
  });
}

/** As `cacheFailover`, for a store of bytes. */
export function byteStoreFailover(
  primary: ByteStore,
  { gate, options, clock }: CacheFailoverContext,
): FailoverDriver<ByteStore> {
  const { journal, ...drivers } = whileAway(options, clock);
  const [fallback, bypass] = [byteStoreOf(drivers.fallback), byteStoreOf(drivers.bypass)];
  return new FailoverDriver<ByteStore>({
    primary,
    fallback,
    refusal: () => bypass,
    gate,
    journal,
  });
}

function whileAway(options: ResolvedCacheOptions, clock: Clock) {
  const memory = new MemoryCacheDriver({ clock, ...options, maxTtlMs: options.fallbackTtlMs });
  const bypass = new BypassCacheDriver();
  const isInMemory = options.fallback === 'memory';
  const fallback: CacheDriver = isInMemory ? new ProvisionalCacheDriver(memory) : bypass;
  return { memory, fallback, bypass, journal: new InvalidationJournal(memory) };
}

function apply(change: CacheChange, copies: FallbackCopies): void {
  if ('keys' in change) copies.drop(change.keys);
  else if ('pattern' in change) copies.dropMatching(change.pattern);
  else copies.outdate(change.purged, change.kind);
}

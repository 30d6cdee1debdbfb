// For drivers of an application's own: the contract's keys and globs.
export { checkKeyText, compileGlob } from '../../common/redis/index.js';
export type {
  CacheDeletionBody,
  CacheEntryBody,
  CacheFiguresBody,
  CacheStatsBody,
} from './cache.bodies.js';
export { CacheAdminController } from './cache.controller.js';
export {
  type BegunLoad,
  type CacheChange,
  type CacheChanges,
  CacheDriver,
  type LoadPermit,
  type NewEntry,
  type PurgeKind,
  type PurgeScope,
  type SetOutcome,
  type StoredEntry,
} from './cache.driver.js';
export {
  CacheLoadTimeoutError,
  CacheMisconfiguredError,
  CacheValueTooLargeError,
  CacheWriteAbandonedError,
  CacheWriteQueueFullError,
} from './cache.errors.js';
export { CACHE_CLOCKS, CACHE_ENTRY, CACHE_MANAGER_ENTRY } from './cache.keys.js';
export { CacheModule } from './cache.module.js';
export type { CacheOptions, UserIdOf } from './cache.options.js';
export {
  type CacheEntry,
  CacheService,
  type CacheStats,
  type ClearOptions,
  type PurgeOptions,
} from './cache.service.js';
export type { CacheCounts, NamespaceFigures } from './cache-counters.js';
export type { CacheEntryOptions } from './cache-entry.options.js';
export { CacheEvict, type CacheEvictOptions } from './cache-evict.decorator.js';
export { type CacheKey, type CacheKeyPart, defineCacheKey, defineCacheTag } from './cache-key.js';
export type { CacheLoader, LoadContext } from './cache-loader.js';
export { CacheManagerModule } from './cache-manager/cache-manager.module.js';
export { CacheResponse } from './response/cache-response.decorator.js';
export { CacheResponseInterceptor } from './response/cache-response.interceptor.js';
export type {
  CachedMethod,
  CacheResponseOptions,
  ResponseKey,
  ResponseTags,
  ResponseVary,
} from './response/cache-response.options.js';
export { Cached, type CachedOptions } from './cached.decorator.js';
export type { CacheFigures } from './stats/figures.js';
export type { FrequentKey } from './stats/frequent-keys.js';
export {
  CacheWarm,
  type CacheWarmContext,
  type CacheWarmOptions,
} from './warm/cache-warm.decorator.js';
export type { CacheWarmBody, WarmOutcome } from './warm/warm-report.js';
export type { CacheWrite } from './write/cache-writer.js';
export type { DeadWrite, DeadWriteList } from './write/dead-writes.js';
export type { WriteBehindOptions } from './write/write-behind.options.js';

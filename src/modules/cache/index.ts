// For drivers of an application's own: the contract's keys and globs.
export { checkKeyText, compileGlob } from '../../common/redis/index.js';
export {
  CacheAdminController,
  type CacheEntryBody,
  type CacheStatsBody,
} from './cache.controller.js';
export { CacheDriver } from './cache.driver.js';
export { CacheValueTooLargeError } from './cache.errors.js';
export { CACHE_ENTRY, CACHE_MANAGER_ENTRY } from './cache.keys.js';
export { CacheModule } from './cache.module.js';
export type { CacheOptions, UserIdOf } from './cache.options.js';
export { type CacheEntry, type CacheEntryOptions, CacheService } from './cache.service.js';
export { CacheManagerModule } from './cache-manager/cache-manager.module.js';
export { CacheResponse } from './cache-response.decorator.js';
export { CacheResponseInterceptor } from './cache-response.interceptor.js';
export type { CacheResponseOptions, ResponseKey } from './cache-response.options.js';
export { Cached, type CachedOptions } from './cached.decorator.js';

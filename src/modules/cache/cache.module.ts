import { type DynamicModule, Global, Module } from '@nestjs/common';
import { CoreModule } from '../../common/core.module.js';
import { CacheCounters } from './cache-counters.js';
import { CacheDriver } from './cache.driver.js';
import { cacheDriverProvider } from './cache.driver-provider.js';
import {
  CACHE_MODULE_OPTIONS,
  CACHE_OPTIONS,
  CacheConfigurableModule,
} from './cache.module-definition.js';
import { type CacheOptions, resolveCacheOptions } from './cache.options.js';
import { CacheService } from './cache.service.js';

/**
 * The cache: `CacheService`, `@Cached` and `@CacheResponse`. Global, so that decorators find it.
 */
@Global()
@Module({
  imports: [CoreModule],
  providers: [
    { provide: CACHE_OPTIONS, inject: [CACHE_MODULE_OPTIONS], useFactory: resolveCacheOptions },
    CacheCounters,
    cacheDriverProvider,
    CacheService,
  ],
  exports: [CacheService, CacheDriver, CacheCounters, CACHE_OPTIONS],
})
export class CacheModule extends CacheConfigurableModule {
  static override forRoot(options: CacheOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

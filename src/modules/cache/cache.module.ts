import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CoreModule } from '../../common/core.module.js';
import { CacheCounters } from './cache-counters.js';
import { CacheDriver } from './cache.driver.js';
import { cacheChannelProvider, cacheDriverProvider } from './cache.driver-provider.js';
import {
  CACHE_MODULE_OPTIONS,
  CACHE_OPTIONS,
  CacheConfigurableModule,
} from './cache.module-definition.js';
import { type CacheOptions, resolveCacheOptions } from './cache.options.js';
import { CacheService } from './cache.service.js';
import { CacheEngine } from './cache-engine.js';
import { cacheEngineProviders } from './cache-engine.provider.js';
import { EdgeAnswers } from './response/edge-answers.js';
import { EdgeLane } from './response/edge-lane.js';
import { EdgeRoutes } from './response/edge-routes.js';
import { CacheWarmer } from './warm/cache-warmer.js';
import { WarmExplorer } from './warm/warm-explorer.js';
import { CacheWriter } from './write/cache-writer.js';

/**
 * The cache: `CacheService`, `@Cached`, `@CacheEvict`, `@CacheWarm` and `@CacheResponse`. Global, so that
 * decorators find it.
 */
@Global()
@Module({
  imports: [CoreModule, DiscoveryModule],
  providers: [
    { provide: CACHE_OPTIONS, inject: [CACHE_MODULE_OPTIONS], useFactory: resolveCacheOptions },
    CacheCounters,
    cacheChannelProvider,
    cacheDriverProvider,
    ...cacheEngineProviders,
    CacheWriter,
    CacheService,
    WarmExplorer,
    CacheWarmer,
    EdgeAnswers,
    EdgeRoutes,
    EdgeLane,
  ],
  exports: [
    CacheService,
    CacheEngine,
    CacheDriver,
    CacheCounters,
    CacheWarmer,
    EdgeAnswers,
    CACHE_OPTIONS,
  ],
})
export class CacheModule extends CacheConfigurableModule {
  static override forRoot(options: CacheOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { CacheOptions } from './cache.options.js';

export const {
  ConfigurableModuleClass: CacheConfigurableModule,
  MODULE_OPTIONS_TOKEN: CACHE_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<CacheOptions>({ moduleName: 'BackplaneCache' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const CACHE_OPTIONS = Symbol('CACHE_OPTIONS');

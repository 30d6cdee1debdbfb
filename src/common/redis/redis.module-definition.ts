import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RedisOptions } from './redis.options.js';

/** As `RedisOptions`; without `connections` there is no Redis and the memory drivers serve. */
export type RedisModuleOptions = Partial<RedisOptions>;

export const {
  ConfigurableModuleClass: RedisConfigurableModule,
  MODULE_OPTIONS_TOKEN: REDIS_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<RedisModuleOptions>({ moduleName: 'BackplaneRedis' })
  .setClassMethodName('forRoot')
  .build();

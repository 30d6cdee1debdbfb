import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { HealthOptions } from './health.options.js';

export const {
  ConfigurableModuleClass: HealthConfigurableModule,
  MODULE_OPTIONS_TOKEN: HEALTH_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<HealthOptions>({ moduleName: 'BackplaneHealth' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const HEALTH_OPTIONS = Symbol('HEALTH_OPTIONS');

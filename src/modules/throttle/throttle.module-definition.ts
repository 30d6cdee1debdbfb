import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { ThrottleOptions } from './throttle.options.js';

export const {
  ConfigurableModuleClass: ThrottleConfigurableModule,
  MODULE_OPTIONS_TOKEN: THROTTLE_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<ThrottleOptions>({ moduleName: 'BackplaneThrottle' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const THROTTLE_OPTIONS = Symbol('THROTTLE_OPTIONS');

import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { LockOptions } from './lock.options.js';

export const {
  ConfigurableModuleClass: LockConfigurableModule,
  MODULE_OPTIONS_TOKEN: LOCK_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<LockOptions>({ moduleName: 'BackplaneLock' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const LOCK_OPTIONS = Symbol('LOCK_OPTIONS');

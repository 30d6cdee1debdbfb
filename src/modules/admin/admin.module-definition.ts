import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { AdminOptions } from './admin.options.js';

export const {
  ConfigurableModuleClass: AdminConfigurableModule,
  MODULE_OPTIONS_TOKEN: ADMIN_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<AdminOptions>({ moduleName: 'BackplaneAdmin' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const ADMIN_OPTIONS = Symbol('ADMIN_OPTIONS');

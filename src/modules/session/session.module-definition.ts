import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { SessionOptions } from './session.options.js';

export const {
  ConfigurableModuleClass: SessionConfigurableModule,
  MODULE_OPTIONS_TOKEN: SESSION_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<SessionOptions>({ moduleName: 'BackplaneSession' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const SESSION_OPTIONS = Symbol('SESSION_OPTIONS');

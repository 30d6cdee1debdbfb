import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { QueueOptions } from './queue.options.js';

export const {
  ConfigurableModuleClass: QueueConfigurableModule,
  MODULE_OPTIONS_TOKEN: QUEUE_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<QueueOptions>({ moduleName: 'BackplaneQueue' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const QUEUE_OPTIONS = Symbol('QUEUE_OPTIONS');

import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PubSubOptions } from './pubsub.options.js';

export const {
  ConfigurableModuleClass: PubSubConfigurableModule,
  MODULE_OPTIONS_TOKEN: PUBSUB_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<PubSubOptions>({ moduleName: 'BackplanePubSub' })
  .setClassMethodName('forRoot')
  .build();

/** Injection token of the validated options. */
export const PUBSUB_OPTIONS = Symbol('PUBSUB_OPTIONS');

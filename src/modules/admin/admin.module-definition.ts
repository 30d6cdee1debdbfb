import { ConfigurableModuleBuilder, type Type } from '@nestjs/common';
import type { AdminOptions } from './admin.options.js';

/** What has to be known before the options are. */
interface AdminExtras {
  /** Admin controllers of the modules in use, such as `LockAdminController`. @default none */
  readonly controllers?: readonly Type[];
}

export const {
  ConfigurableModuleClass: AdminConfigurableModule,
  MODULE_OPTIONS_TOKEN: ADMIN_MODULE_OPTIONS,
} = new ConfigurableModuleBuilder<AdminOptions>({ moduleName: 'BackplaneAdmin' })
  .setClassMethodName('forRoot')
  .setExtras<AdminExtras>({ controllers: [] }, (definition, { controllers = [] }) => ({
    ...definition,
    controllers: [...controllers],
  }))
  .build();

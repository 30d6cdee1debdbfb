import { Global, Module } from '@nestjs/common';
import { ADMIN_TOKEN, AdminTokenGuard } from '../../common/admin/index.js';
import { ADMIN_MODULE_OPTIONS, AdminConfigurableModule } from './admin.module-definition.js';
import { type AdminOptions, resolveAdminOptions } from './admin.options.js';
import { AdminHealthController } from './admin-health.controller.js';

/**
 * The REST interface for operators, under `/api/v1/redis`, closed by a token. Needs `HealthModule`.
 */
@Global()
@Module({
  controllers: [AdminHealthController],
  providers: [
    {
      provide: ADMIN_TOKEN,
      inject: [ADMIN_MODULE_OPTIONS],
      useFactory: (options: AdminOptions) => resolveAdminOptions(options).token,
    },
    AdminTokenGuard,
  ],
  exports: [ADMIN_TOKEN, AdminTokenGuard],
})
export class AdminModule extends AdminConfigurableModule {}

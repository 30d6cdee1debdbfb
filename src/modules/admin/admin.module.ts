import { Module } from '@nestjs/common';
import {
  ADMIN_MODULE_OPTIONS,
  ADMIN_OPTIONS,
  AdminConfigurableModule,
} from './admin.module-definition.js';
import { resolveAdminOptions } from './admin.options.js';
import { AdminHealthController } from './admin-health.controller.js';
import { AdminTokenGuard } from './admin-token.guard.js';

/** The REST interface for operators, under `/api/v1/redis`, closed by a token. Needs `HealthModule`. */
@Module({
  controllers: [AdminHealthController],
  providers: [
    { provide: ADMIN_OPTIONS, inject: [ADMIN_MODULE_OPTIONS], useFactory: resolveAdminOptions },
    AdminTokenGuard,
  ],
  exports: [AdminTokenGuard, ADMIN_OPTIONS],
})
export class AdminModule extends AdminConfigurableModule {}

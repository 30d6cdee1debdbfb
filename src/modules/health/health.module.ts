import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { CoreModule } from '../../common/core.module.js';
import { ServiceDetails } from '../../common/status/index.js';
import { HealthController } from './health.controller.js';
import { DeepHealthService } from './deep-health.service.js';
import {
  HEALTH_MODULE_OPTIONS,
  HEALTH_OPTIONS,
  HealthConfigurableModule,
} from './health.module-definition.js';
import { type HealthOptions, resolveHealthOptions } from './health.options.js';
import { HealthService } from './health.service.js';
import { RedisHealthIndicator } from './redis.health-indicator.js';
import { RedisHealthService } from './redis-health.service.js';
import { ServicesHealthIndicator } from './services.health-indicator.js';

/** `/health`, `/health/live`, `/health/ready`, `/health/redis`, `/health/deep`, on Terminus. */
@Global()
@Module({
  imports: [CoreModule, TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [
    { provide: HEALTH_OPTIONS, inject: [HEALTH_MODULE_OPTIONS], useFactory: resolveHealthOptions },
    RedisHealthService,
    RedisHealthIndicator,
    ServicesHealthIndicator,
    ServiceDetails,
    DeepHealthService,
    HealthService,
  ],
  exports: [HealthService, RedisHealthIndicator, ServicesHealthIndicator],
})
export class HealthModule extends HealthConfigurableModule {
  static override forRoot(options: HealthOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { CoreModule } from '../../common/core.module.js';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RequestPolicies } from './request-policies.js';
import { ThrottleDriver } from './throttle.driver.js';
import { throttleDriverProvider } from './throttle.driver-provider.js';
import {
  THROTTLE_MODULE_OPTIONS,
  THROTTLE_OPTIONS,
  ThrottleConfigurableModule,
} from './throttle.module-definition.js';
import { resolveThrottleOptions } from './throttle.options.js';
import { ThrottleService } from './throttle.service.js';

/**
 * Rate limits: `ThrottleService`, `@RateLimit`, `@SkipRateLimit`, limits by route pattern, and the
 * guard that enforces them on every route.
 */
@Global()
@Module({
  imports: [CoreModule, ThrottlerModule.forRoot({ throttlers: [] })],
  providers: [
    {
      provide: THROTTLE_OPTIONS,
      inject: [THROTTLE_MODULE_OPTIONS],
      useFactory: resolveThrottleOptions,
    },
    throttleDriverProvider,
    ThrottleService,
    RequestPolicies,
    RateLimitGuard,
    { provide: APP_GUARD, useExisting: RateLimitGuard },
  ],
  exports: [ThrottleService, ThrottleDriver, RateLimitGuard, RequestPolicies],
})
export class ThrottleModule extends ThrottleConfigurableModule {}

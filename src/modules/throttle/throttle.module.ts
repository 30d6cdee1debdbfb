import { type DynamicModule, Global, Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule, ModuleRef } from '@nestjs/core';
import { CoreModule } from '../../common/core.module.js';
import { InvalidOptionError } from '../../common/errors/index.js';
import { BlockedCounts } from './blocked-counts.js';
import { instanceHeartbeatProvider } from './instance-heartbeat.js';
import { TopOffenders } from './offenders/top-offenders.js';
import { topOffendersProvider } from './offenders/top-offenders.provider.js';
import { OutsideRoutesLimiter } from './requests/outside-routes.limiter.js';
import { RateLimitGuard } from './requests/rate-limit.guard.js';
import { RequestPolicies } from './requests/request-policies.js';
import { SharedNamesCheck } from './requests/shared-names-check.js';
import { ThrottleDriver } from './throttle.driver.js';
import { throttleDriverProvider } from './throttle.driver-provider.js';
import {
  THROTTLE_MODULE_OPTIONS,
  THROTTLE_OPTIONS,
  ThrottleConfigurableModule,
} from './throttle.module-definition.js';
import {
  type ResolvedThrottleOptions,
  resolveThrottleOptions,
  type ThrottleOptions,
} from './throttle.options.js';
import { ThrottleService } from './throttle.service.js';
import { BackplaneThrottlerStorage } from './nestjs-throttler/throttler.storage.js';
import { TrustCheck } from './requests/trust-check.js';

/**
 * Rate limits: `ThrottleService`, `@RateLimit`, `@SkipRateLimit`, limits by route pattern, and the
 * guard that enforces them on every route.
 */
@Global()
@Module({
  imports: [CoreModule, DiscoveryModule],
  providers: [
    {
      provide: THROTTLE_OPTIONS,
      inject: [THROTTLE_MODULE_OPTIONS],
      useFactory: resolveThrottleOptions,
    },
    instanceHeartbeatProvider,
    throttleDriverProvider,
    ThrottleService,
    RequestPolicies,
    BlockedCounts,
    topOffendersProvider,
    BackplaneThrottlerStorage,
    {
      provide: RateLimitGuard,
      inject: [THROTTLE_OPTIONS, RequestPolicies, ModuleRef],
      useFactory: createGuard,
    },
    { provide: APP_GUARD, useExisting: RateLimitGuard },
    OutsideRoutesLimiter,
    TrustCheck,
    SharedNamesCheck,
  ],
  exports: [
    ThrottleService,
    ThrottleDriver,
    RateLimitGuard,
    RequestPolicies,
    BlockedCounts,
    TopOffenders,
    BackplaneThrottlerStorage,
  ],
})
export class ThrottleModule extends ThrottleConfigurableModule {
  static override forRoot(options: ThrottleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

async function createGuard(
  { guard = RateLimitGuard }: ResolvedThrottleOptions,
  policies: RequestPolicies,
  modules: ModuleRef,
): Promise<RateLimitGuard> {
  const created = await modules.create(guard);
  if (!(created instanceof RateLimitGuard)) {
    throw new InvalidOptionError('throttle.guard', 'must be a subclass of RateLimitGuard');
  }
  policies.globalGuard = created;
  return created;
}

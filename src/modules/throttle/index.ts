export { type ApiKeyOptions, userOnRequest } from './requests/client-identity.js';
export type { RateLimitHeaders, StandardHeaders } from './requests/rate-limit.headers.js';
export { RateLimitGuard } from './requests/rate-limit.guard.js';
export {
  type RateLimitBody,
  type RateLimitDenial,
  RateLimitExceededException,
} from './requests/rate-limit.response.js';
export type {
  RateLimitListBody,
  RateLimitOffenderBody,
  RateLimitPolicyBody,
  RateLimitStateBody,
  RateLimitTopBody,
} from './throttle.bodies.js';
export { ThrottleAdminController } from './throttle.controller.js';
export { RateLimit, SkipRateLimit } from './throttle.decorators.js';
export { ThrottleDriver } from './throttle.driver.js';
export type {
  CountedCheck,
  ThrottleBlock,
  ThrottleCheck,
  ThrottleCounter,
  ThrottleDecision,
  ThrottleFailurePolicy,
  ThrottleOutcome,
  ThrottlePolicy,
  ThrottleStrategy,
} from './throttle.driver.js';
export {
  CounterUnreadableError,
  LimitMisconfiguredError,
  RateLimitedError,
  ThrottleBackendDownError,
} from './throttle.errors.js';
export {
  THROTTLE_BLOCK,
  THROTTLE_COUNTER,
  THROTTLE_INSTANCES,
  THROTTLE_OFFENDERS,
  THROTTLE_OFFENDERS_TIMES,
} from './throttle.keys.js';
export { ThrottleModule } from './throttle.module.js';
export type { RateLimitOptions } from './rate-limit.options.js';
export type {
  CountedAnswers,
  LimitScope,
  LimitSubject,
  OfRequest,
  RequestLimitOptions,
} from './requests/request-limit.options.js';
export { BackplaneThrottlerStorage } from './nestjs-throttler/throttler.storage.js';
export type { RouteLimitOptions, ThrottleOptions } from './throttle.options.js';
export {
  type HitOptions,
  type NamedRateLimit,
  type NamedRateLimits,
  ThrottleService,
} from './throttle.service.js';

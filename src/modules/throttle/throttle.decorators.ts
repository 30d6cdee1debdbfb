import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { InvalidOptionError } from '../../common/errors/index.js';
import { CallEndInterceptor } from './requests/call-end.interceptor.js';
import {
  type RequestLimitOptions,
  resolveRequestLimit,
  type UnnamedLimit,
} from './requests/request-limit.options.js';
import { disagreement } from './requests/shared-counters.js';
import { isLease } from './throttle.driver.js';

export const RATE_LIMITS = Symbol('RATE_LIMITS');
export const SKIP_RATE_LIMIT = Symbol('SKIP_RATE_LIMIT');

/**
 * Limits a route, or each route of a controller, for each client. Several limits hold together; a
 * decorator on the method replaces the controller's. Limits by route pattern apply as well.
 *
 * @example
 * @RateLimit({ limit: 5, window: '1m' })
 * @Post('login')
 * login() {}
 * @throws InvalidOptionError at load time, naming the wrong option
 */
export function RateLimit(
  ...limits: readonly RequestLimitOptions[]
): ClassDecorator & MethodDecorator {
  const resolved: readonly UnnamedLimit[] = limits.map((limit) =>
    resolveRequestLimit(limit, '@RateLimit'),
  );
  const named = resolved.flatMap(({ name, ...rest }) =>
    name === undefined ? [] : [{ ...rest, name }],
  );
  const found = disagreement(named);
  if (found !== undefined) {
    throw new InvalidOptionError(`@RateLimit.${found.option}`, found.problem);
  }
  // Only where it is needed: an interceptor costs every call of its handler.
  const onEnd = resolved.some(isLease) ? [UseInterceptors(new CallEndInterceptor())] : [];
  return applyDecorators(SetMetadata(RATE_LIMITS, resolved), ...onEnd);
}

/** Exempts a route or a controller from every limit, also from those by route pattern. */
export function SkipRateLimit(): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(SKIP_RATE_LIMIT, true));
}

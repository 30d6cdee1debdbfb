import { applyDecorators, SetMetadata } from '@nestjs/common';
import { InvalidOptionError } from '../../common/errors/index.js';
import {
  type RequestLimitOptions,
  resolveRequestLimit,
  type UnnamedLimit,
} from './requests/request-limit.options.js';
import { disagreement } from './requests/shared-counters.js';

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
  return applyDecorators(SetMetadata(RATE_LIMITS, resolved));
}

/** Exempts a route or a controller from every limit, also from those by route pattern. */
export function SkipRateLimit(): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(SKIP_RATE_LIMIT, true));
}

import type { ExecutionContext } from '@nestjs/common';
import { formatDuration } from '../../../common/time/index.js';
import { controllerName, handlerParts } from './handler-name.js';
import type { UnnamedLimit } from './request-limit.options.js';
import { isBucket } from '../throttle.driver.js';

/**
 * What a decorator's limit is called, and so which requests count together.
 *
 * @param template of the route, where there is one
 */
export function scopeName(
  limit: UnnamedLimit,
  context: ExecutionContext,
  template: string | undefined,
): string {
  const { scope } = limit;
  switch (scope) {
    case 'route':
      return `@${handlerParts(context, template).join(' ')}`;
    case 'controller':
      return `@controller ${controllerName(context.getClass())} ${termsOf(limit)}`;
    case 'global':
      return `@global ${termsOf(limit)}`;
    default:
      return scope satisfies never;
  }
}

/**
 * What limits of one counter must have in common. Those of other routes are not known when one is
 * named, so that limits which contradict each other must not come to have one name.
 */
function termsOf(limit: UnnamedLimit): string {
  const { limit: most, windowMs, burst, count, shadow } = limit;
  const window = formatDuration(windowMs);
  const counted = `${count === 'all' ? '' : ` ${count}`}${shadow ? ' shadow' : ''}`;
  if (!isBucket(limit)) return `${window}${counted}`;
  return `${typeof most === 'number' ? most : 'any'}/${window} ${burst ?? 'any'}${counted}`;
}

import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { formatDuration } from '../../common/time/index.js';
import type { UnnamedLimit } from './request-limit.options.js';
import { isBucket } from './throttle.driver.js';

/** What a decorator's limit is called, and so which requests count together. */
export function scopeName(limit: UnnamedLimit, controller: Type, route: string): string {
  const { scope } = limit;
  switch (scope) {
    case 'route':
      return route;
    case 'controller': {
      // The path as well: two controllers may have the same class name.
      const path: unknown = Reflect.getMetadata(PATH_METADATA, controller);
      return `@controller ${controller.name} ${[path].flat().join(' ')} ${termsOf(limit)}`;
    }
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
  const { limit: most, windowMs, burst } = limit;
  const window = formatDuration(windowMs);
  if (!isBucket(limit)) return window;
  return `${typeof most === 'number' ? most : 'any'}/${window} ${burst ?? 'any'}`;
}

import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import type { LimitScope } from './request-limit.options.js';

/** What a decorator's limit is called, and so which requests count together. */
export function scopeName(scope: LimitScope, controller: Type, route: string): string {
  switch (scope) {
    case 'route':
      return route;
    case 'controller': {
      // The path as well: two controllers may have the same class name.
      const path: unknown = Reflect.getMetadata(PATH_METADATA, controller);
      return `@controller ${controller.name} ${[path].flat().join(' ')}`;
    }
    case 'global':
      return '@global';
    default:
      return scope satisfies never;
  }
}

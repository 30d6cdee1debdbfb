import { type ExecutionContext, RequestMethod, type Type } from '@nestjs/common';
import {
  HOST_METADATA,
  METHOD_METADATA,
  PATH_METADATA,
  VERSION_METADATA,
} from '@nestjs/common/constants.js';
import { formatDuration } from '../../../common/time/index.js';
import type { UnnamedLimit } from './request-limit.options.js';
import { isBucket } from '../throttle.driver.js';

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

/**
 * What a limit of one handler is called: by its method and template, such as `@GET /users/:id`. A
 * handler that answers at several paths, or shares its path with those of other versions or hosts,
 * is called by what it is: its clients must not choose among counters, nor two handlers share one.
 */
export function routeName(context: ExecutionContext, template: string): string {
  const controller = context.getClass();
  const handler = context.getHandler();
  const metadataOf = (key: string): readonly unknown[] =>
    [controller, handler].map((place): unknown => Reflect.getMetadata(key, place) ?? '');
  // Of the decorator, and not of the request: @All answers whatever method the client invents.
  const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
  const verb = typeof method === 'number' ? RequestMethod[method] : 'ANY';
  const paths = metadataOf(PATH_METADATA);
  const variants = [...metadataOf(VERSION_METADATA), ...metadataOf(HOST_METADATA)];
  if (!paths.some(Array.isArray) && variants.every((each) => each === '')) {
    return `@${verb} ${template}`;
  }
  const names = [controller.name, handler.name, ...paths, ...variants];
  return `@${verb} ${names.map((each) => String(each)).join(' ')}`;
}

import { type ExecutionContext, RequestMethod, type Type } from '@nestjs/common';
import {
  HOST_METADATA,
  METHOD_METADATA,
  PATH_METADATA,
  VERSION_METADATA,
} from '@nestjs/common/constants.js';

/** What decorators of routing stand on: a class, or one of its methods. */
type Place = Type | Function;

/**
 * What all limits of one handler are called by, and of no other: its method and template, such as
 * `GET` and `/users/:id`. A handler that answers at several paths, or shares its path with those of
 * other versions or hosts, is called by what it is: its clients must not choose among counters, nor
 * two handlers share one. So is one without a route, such as a resolver or a message: `graphql` and
 * `CatsResolver.cat`.
 *
 * @param template of the route; `undefined` where the platform does not tell, or there is none
 */
export function handlerParts(
  context: ExecutionContext,
  template: string | undefined,
): readonly string[] {
  const controller: Type = context.getClass();
  const handler = context.getHandler();
  const places = [controller, handler];
  const name = `${controller.name}.${handler.name}`;
  if (context.getType() !== 'http') return [context.getType(), name, ...whereabouts(places)];
  const verb = verbOf(handler);
  if (template !== undefined && hasOneRoute(places)) return [verb, template];
  return [verb, name, ...whereabouts(places)];
}

/** Of a class: its path, versions and host as well, as two may have the same class name. */
export function controllerName(controller: Type): string {
  return [controller.name, ...whereabouts([controller])].join(' ');
}

/** Of the decorator, and not of the request: @All answers whatever method the client invents. */
function verbOf(handler: Function): string {
  const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
  return typeof method === 'number' ? (RequestMethod[method] ?? 'ANY') : 'ANY';
}

function hasOneRoute(places: readonly Place[]): boolean {
  const paths = places.map((place): unknown => Reflect.getMetadata(PATH_METADATA, place));
  const variants = [VERSION_METADATA, HOST_METADATA].flatMap((key) => valuesOf(key, places));
  return !paths.some(Array.isArray) && !variants.some(isThere);
}

/** Path, versions and hosts, as far as there are any; marked, so that none passes for another. */
function whereabouts(places: readonly Place[]): readonly string[] {
  const path = `/${valuesOf(PATH_METADATA, places).join('/')}`.replace(/\/+(?=\/|$)/g, '');
  const versions = valuesOf(VERSION_METADATA, places).filter(isThere);
  const hosts = valuesOf(HOST_METADATA, places).filter(isThere);
  return [
    path,
    ...versions.map((each) => `v:${each}`),
    ...hosts.map((each) => `at:${each}`),
  ].filter(isThere);
}

function isThere(text: string): boolean {
  return text !== '';
}

/** One text for each place, `''` where it says nothing. A version may be a symbol. */
function valuesOf(key: string, places: readonly Place[]): readonly string[] {
  return places.map((place) => {
    const value: unknown = Reflect.getMetadata(key, place) ?? '';
    return [value].flat().map(String).join(',');
  });
}

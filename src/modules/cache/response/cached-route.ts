import { type ExecutionContext, RequestMethod } from '@nestjs/common';
import {
  CUSTOM_ROUTE_ARGS_METADATA,
  HEADERS_METADATA,
  HOST_METADATA,
  INTERCEPTORS_METADATA,
  METHOD_METADATA,
  REDIRECT_METADATA,
  RENDER_METADATA,
  RESPONSE_PASSTHROUGH_METADATA,
  ROUTE_ARGS_METADATA,
  SSE_METADATA,
  VERSION_METADATA,
} from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { ApplicationConfig } from '@nestjs/core';
import { listOf } from './handler-headers.js';
import { CACHE_RESPONSE, type ResolvedCacheResponse } from './cache-response.options.js';

/** What is known of a cached route before a request comes. */
export interface CachedRoute {
  /** Such as `PricesController.list`, for the log. */
  readonly name: string;
  readonly options: ResolvedCacheResponse;
  /** Why its answers never meet the cache; `undefined` where they do. */
  readonly bypassed: string | undefined;
  /**
   * Does what it returns go over the wire as it is? Not where interceptors around the cache see it,
   * or Nest makes a redirect or a page of it.
   */
  readonly isFinal: boolean;
  /** Names of the headers that Nest sets for every request of it, in lower case. */
  readonly staticHeaders: readonly string[];
  /** What a static `Vary` names, in lower case. */
  readonly staticVary: readonly string[];
  /** Where it redirects to, with a status of its own. */
  readonly redirect: { readonly statusCode?: number } | undefined;
  readonly version: string | undefined;
  readonly isBoundToHost: boolean;
  /**
   * Can it write to the response by itself (`@Res()`, an interceptor inside of the cache)? Then it
   * must not run when the answer is on its way.
   */
  readonly writesResponse: boolean;
}

/** Reads what decorators said of a route, once. `undefined`: it is not cached. */
export function readRoute(
  interceptor: Function,
  context: ExecutionContext,
  application: ApplicationConfig,
): CachedRoute | undefined {
  const [owner, handler] = [context.getClass(), context.getHandler()];
  const options = metadata(CACHE_RESPONSE, handler) as ResolvedCacheResponse | undefined;
  if (options === undefined || context.getType() !== 'http') return undefined;
  const method = methodName(owner, handler);
  const response = responseUse(owner, method);
  const redirect = metadata(REDIRECT_METADATA, handler) as CachedRoute['redirect'];
  const isMadeByNest = redirect !== undefined || metadata(RENDER_METADATA, handler) !== undefined;
  const statics = staticHeaders(handler);
  const around = isOutermost(interceptor, context, application);
  return {
    name: `${owner.name}.${method}`,
    options,
    bypassed: whyBypassed(handler, response),
    isFinal: around && !isMadeByNest,
    staticHeaders: statics.map(([name]) => name),
    staticVary: listOf(statics.flatMap(([name, value]) => (name === 'vary' ? [value] : []))),
    redirect,
    version: versionOf(owner, handler),
    isBoundToHost: metadata(HOST_METADATA, owner) !== undefined,
    writesResponse: response !== 'none' || hasInnerInterceptor(interceptor, handler),
  };
}

/** `own`: it answers by itself; `passthrough`: it may set headers and a status. */
type ResponseUse = 'none' | 'passthrough' | 'own';

function whyBypassed(handler: Function, response: ResponseUse): string | undefined {
  if (metadata(SSE_METADATA, handler) === true) return 'its events are a stream';
  if (response === 'own') return 'its handler answers by itself (@Res() or @Next())';
  // What it returns is no body for GET, which has a handler of its own.
  if (metadata(METHOD_METADATA, handler) === RequestMethod.HEAD) return 'it is for HEAD alone';
  return undefined;
}

function responseUse(owner: Function, method: string): ResponseUse {
  const found: unknown = Reflect.getMetadata(ROUTE_ARGS_METADATA, owner, method);
  const types = Object.keys(Object(found))
    .filter((key) => !key.includes(CUSTOM_ROUTE_ARGS_METADATA))
    .map((key) => Number(key.split(':')[0]));
  const isInjected =
    types.includes(RouteParamtypes.RESPONSE) || types.includes(RouteParamtypes.NEXT);
  if (!isInjected) return 'none';
  const isPassed: unknown = Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, owner, method);
  return isPassed === true ? 'passthrough' : 'own';
}

/** The property that holds the handler: another decorator may have given it another name. */
function methodName(owner: Function, handler: Function): string {
  let prototype: unknown = owner.prototype;
  while (typeof prototype === 'object' && prototype !== null) {
    const names = Object.getOwnPropertyNames(prototype);
    const found = names.find(
      (name) => Object.getOwnPropertyDescriptor(prototype, name)?.value === handler,
    );
    if (found !== undefined) return found;
    prototype = Object.getPrototypeOf(prototype);
  }
  return handler.name;
}

/** Does no other interceptor see what `interceptor`, of a method, returns? */
function isOutermost(
  interceptor: Function,
  context: ExecutionContext,
  application: ApplicationConfig,
): boolean {
  return (
    application.getGlobalInterceptors().length === 0 &&
    application.getGlobalRequestInterceptors().length === 0 &&
    listAt(INTERCEPTORS_METADATA, context.getClass()).length === 0 &&
    listAt(INTERCEPTORS_METADATA, context.getHandler())[0] === interceptor
  );
}

function hasInnerInterceptor(interceptor: Function, handler: Function): boolean {
  return listAt(INTERCEPTORS_METADATA, handler).at(-1) !== interceptor;
}

/** Versions are texts, lists of them, or the symbol of `VERSION_NEUTRAL`. */
function versionOf(owner: Function, handler: Function): string | undefined {
  const version = metadata(VERSION_METADATA, handler) ?? metadata(VERSION_METADATA, owner);
  return version === undefined ? undefined : [version].flat().map(String).join(',');
}

/** Of `@Header()`, whose value may be a function. */
function staticHeaders(handler: Function): readonly (readonly [name: string, value: unknown])[] {
  return listAt(HEADERS_METADATA, handler).map((header) => {
    const { name, value } = Object(header) as { readonly name: unknown; readonly value: unknown };
    return [String(name).toLowerCase(), typeof value === 'function' ? value() : value];
  });
}

function metadata(key: string | symbol, target: Function): unknown {
  return Reflect.getMetadata(key, target);
}

function listAt(key: string, target: Function): readonly unknown[] {
  const found = metadata(key, target);
  return Array.isArray(found) ? found : [];
}

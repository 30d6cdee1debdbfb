import { type ExecutionContext, Logger } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import type { EntryTerms } from '../cache-loader.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import { type CachedRoute, readRoute } from './cached-route.js';
import type { StorageRules } from './storability.js';

/** A cached route, with what the module says of all of them. */
export interface KnownRoute extends CachedRoute {
  /** Others, once the handler was seen to write to a response that was out. */
  terms: EntryTerms;
  readonly rules: StorageRules;
}

/** From now on: its handler never runs while a stale answer is sent. */
export function runInForeground(route: KnownRoute): void {
  route.terms = foreground(route.terms);
}

function foreground(terms: EntryTerms): EntryTerms {
  return { ...terms, staleWhileRevalidateMs: 0, earlyRefresh: 0 };
}

/** Looks every route up once. */
export class KnownRoutes {
  readonly #routes = new WeakMap<Function, Map<Function, KnownRoute | undefined>>();
  readonly #options: ResolvedCacheOptions;
  readonly #application: ApplicationConfig;
  readonly #logger = new Logger('CacheResponse');

  constructor(options: ResolvedCacheOptions, application: ApplicationConfig) {
    this.#options = options;
    this.#application = application;
  }

  /** The route that answers; `undefined` when it is not cached. */
  find(interceptor: Function, context: ExecutionContext): KnownRoute | undefined {
    const [handler, owner] = [context.getHandler(), context.getClass()];
    let ofHandler = this.#routes.get(handler);
    if (ofHandler === undefined) this.#routes.set(handler, (ofHandler = new Map()));
    // A handler that is inherited answers for each of its classes.
    if (!ofHandler.has(owner)) ofHandler.set(owner, this.#read(interceptor, context));
    return ofHandler.get(owner);
  }

  #read(interceptor: Function, context: ExecutionContext): KnownRoute | undefined {
    const route = readRoute(interceptor, context, this.#application);
    if (route === undefined) return undefined;
    if (route.writesResponse && route.options.staleWhileRevalidate !== undefined) {
      this.#logger.warn(
        `${route.name} injects the response, or has interceptors inside of the cache: it is not run ` +
          'while a stale answer is sent, so that staleWhileRevalidate has no effect.',
      );
    }
    return { ...route, terms: this.#terms(route), rules: this.#rules(route) };
  }

  #terms({ options, writesResponse }: CachedRoute): EntryTerms {
    const { entries: terms } = this.#options;
    const { ttl, staleWhileRevalidate, staleIfError, tags } = options;
    const ofRoute = {
      ...terms,
      ttlMs: ttl ?? terms.ttlMs,
      staleIfErrorMs: staleIfError ?? terms.staleIfErrorMs,
      tags: typeof tags === 'function' ? [] : tags,
      // A handler that is left running could write to the response that was sent meanwhile.
      softTimeoutMs: undefined,
    };
    if (writesResponse) return foreground(ofRoute);
    return {
      ...ofRoute,
      staleWhileRevalidateMs: staleWhileRevalidate ?? terms.staleWhileRevalidateMs,
    };
  }

  /** Neither the user nor `compress` stands for a header that a handler says it has looked at. */
  #rules({ options, staticVary }: CachedRoute): StorageRules {
    const { statuses, vary = [] } = options;
    return { statuses, varied: typeof vary === 'function' ? 'any' : vary, staticVary };
  }
}

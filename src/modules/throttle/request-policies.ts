import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type HttpRequest, requestPath, routeTemplate } from '../../common/http/index.js';
import { KnownPolicies } from './known-policies.js';
import type { RateLimitHeaders } from './rate-limit.headers.js';
import type { UnnamedPolicy } from './rate-limit.options.js';
import { compileRoutePattern, type RouteTarget } from './route-pattern.js';
import { RATE_LIMITS, SKIP_RATE_LIMIT } from './throttle.decorators.js';
import type { ThrottlePolicy } from './throttle.driver.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import type { ResolvedThrottleOptions } from './throttle.options.js';

interface RoutePolicy {
  readonly matches: (target: RouteTarget) => boolean;
  readonly policy: ThrottlePolicy;
}

/** Policies of requests that take the same way to the same handler. */
type PolicyCache = Map<string, readonly ThrottlePolicy[]>;

/** Paths remembered for each handler; a wildcard route may be asked for any number of them. */
const MAX_PATHS_PER_HANDLER = 200;

/**
 * Finds the policies a request is checked under: those of its decorators and of every route pattern
 * that matches, or the default one where there is none of these.
 */
@Injectable()
export class RequestPolicies {
  /** Those of the configuration, and those of decorators that a request has met. */
  readonly known = new KnownPolicies();
  readonly #options: ResolvedThrottleOptions;
  readonly #reflector: Reflector;
  readonly #routes: readonly RoutePolicy[];
  readonly #default: readonly ThrottlePolicy[];
  readonly #caches = new WeakMap<object, WeakMap<object, PolicyCache>>();

  constructor(
    @Inject(THROTTLE_OPTIONS) options: ResolvedThrottleOptions,
    @Inject(Reflector) reflector: Reflector,
  ) {
    this.#options = options;
    this.#reflector = reflector;
    const names = options.routes.map(({ path, method }) => `${method ?? 'ANY'} ${path}`);
    this.#default = options.default === undefined ? [] : [this.#named(options.default, 'default')];
    this.#routes = options.routes.map(({ path, method, ...policy }, index) => ({
      matches: compileRoutePattern(path, method),
      policy: this.#named(policy, numbered(names, index)),
    }));
  }

  /** What requests are told about their limits. */
  get headers(): RateLimitHeaders {
    return this.#options.headers;
  }

  of(context: ExecutionContext, request: HttpRequest): readonly ThrottlePolicy[] {
    const cache = this.#cacheOf(context);
    const path = requestPath(request);
    const key = `${request.method} ${path}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const found = this.#find(context, request, path);
    if (cache.size < MAX_PATHS_PER_HANDLER) cache.set(key, found);
    return found;
  }

  /** For a request that no route answers: limits by pattern hold before the route exists. */
  ofUnmatched(request: HttpRequest): readonly ThrottlePolicy[] {
    return this.#orDefault(this.#byPattern(request.method, [requestPath(request)]));
  }

  #find(context: ExecutionContext, request: HttpRequest, path: string): readonly ThrottlePolicy[] {
    const scope = [context.getHandler(), context.getClass()];
    if (this.#reflector.getAllAndOverride<boolean | undefined>(SKIP_RATE_LIMIT, scope)) return [];
    const template = routeTemplate(request) ?? path;
    return this.#orDefault([
      ...this.#decorated(scope, `@${handledMethod(request.method)} ${template}`),
      ...this.#byPattern(request.method, [path, template]),
    ]);
  }

  #byPattern(method: string, paths: readonly string[]): readonly ThrottlePolicy[] {
    const matching = this.#routes.filter(({ matches }) => matches({ method, paths }));
    return matching.map(({ policy }) => policy);
  }

  #orDefault(found: readonly ThrottlePolicy[]): readonly ThrottlePolicy[] {
    return found.length > 0 ? found : this.#default;
  }

  #decorated(scope: Parameters<Reflector['getAllAndOverride']>[1], route: string) {
    const limits = this.#reflector.getAllAndOverride<readonly UnnamedPolicy[] | undefined>(
      RATE_LIMITS,
      scope,
    );
    const names = (limits ?? []).map(() => route);
    return (limits ?? []).map((limit, index) => this.#named(limit, numbered(names, index)));
  }

  #named(unnamed: UnnamedPolicy, name: string): ThrottlePolicy {
    const policy = {
      name: unnamed.name ?? name,
      strategy: unnamed.strategy,
      limit: unnamed.limit,
      windowMs: unnamed.windowMs,
      burst: unnamed.burst,
      onRedisDown: unnamed.onRedisDown ?? this.#options.onRedisDown,
    };
    this.known.add(policy);
    return policy;
  }

  #cacheOf(context: ExecutionContext): PolicyCache {
    const handlers = this.#caches.get(context.getClass()) ?? new WeakMap<object, PolicyCache>();
    this.#caches.set(context.getClass(), handlers);
    const cache = handlers.get(context.getHandler()) ?? new Map();
    handlers.set(context.getHandler(), cache);
    return cache;
  }
}

/** Limits that nobody named must not share a counter because they are for the same route. */
function numbered(names: readonly string[], index: number): string {
  const name = names[index] ?? '';
  const earlier = names.slice(0, index).filter((other) => other === name).length;
  return earlier === 0 ? name : `${name} #${earlier + 1}`;
}

/** HEAD runs the handler of GET and counts with it. */
function handledMethod(method: string): string {
  return method === 'HEAD' ? 'GET' : method;
}

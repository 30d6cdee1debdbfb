import { type ExecutionContext, Inject, Injectable, Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type HttpRequest, requestPath, routeTemplate } from '../../../common/http/index.js';
import { ClientIdentity } from './client-identity.js';
import { KnownPolicies } from '../known-policies.js';
import { scopeName } from './limit-scope.js';
import { NamedLimit } from '../named-limit.js';
import { RateLimitHeaderWriter } from './rate-limit.headers.js';
import type { RateLimitBody } from './rate-limit.response.js';
import { RequestAccess } from './request-access.js';
import type { UnnamedLimit } from './request-limit.options.js';
import { compileRoutePattern, type RouteTarget } from './route-pattern.js';
import { disagreement } from './shared-counters.js';
import { RATE_LIMITS, SKIP_RATE_LIMIT } from '../throttle.decorators.js';
import { isLease } from '../throttle.driver.js';
import { LimitMisconfiguredError } from '../throttle.errors.js';
import { THROTTLE_OPTIONS } from '../throttle.module-definition.js';
import type { ResolvedThrottleOptions } from '../throttle.options.js';
import { BackplaneThrottlerStorage } from '../nestjs-throttler/throttler.storage.js';
import {
  ThrottlerLimits,
  type ThrottlerLimitsOptions,
} from '../nestjs-throttler/throttler-limits.js';

/** The configuration of `@nestjs/throttler`. */
interface TheirThrottlers extends Pick<ThrottlerLimitsOptions, 'throttlers' | 'common'> {
  readonly storage: unknown;
}

interface RouteLimit {
  readonly matches: (target: RouteTarget) => boolean;
  readonly limit: NamedLimit;
}

/** Limits of requests that take the same way to the same handler. */
type LimitCache = Map<string, readonly NamedLimit[]>;

/** Paths remembered for each handler; a wildcard route may be asked for any number of them. */
const MAX_PATHS_PER_HANDLER = 200;

/**
 * Finds the limits a request is checked under: those of its decorators and of every route pattern
 * that matches, or the default one where there is none of these.
 */
@Injectable()
export class RequestPolicies {
  /** Those of the configuration, and those of decorators that a request has met. */
  readonly known = new KnownPolicies();
  readonly identity: ClientIdentity;
  readonly access: RequestAccess;
  readonly headers: RateLimitHeaderWriter;
  /** Makes the body of a 429, if the application wants one of its own. */
  readonly body: RateLimitBody | undefined;
  /** The guard that Nest asks for every route; set by the module. */
  globalGuard: object | undefined;
  readonly #options: ResolvedThrottleOptions;
  readonly #reflector: Reflector;
  readonly #routes: readonly RouteLimit[];
  readonly #default: readonly NamedLimit[];
  readonly #caches = new WeakMap<object, WeakMap<object, LimitCache>>();

  constructor(
    @Inject(THROTTLE_OPTIONS) options: ResolvedThrottleOptions,
    @Inject(Reflector) reflector: Reflector,
  ) {
    this.#options = options;
    this.#reflector = reflector;
    this.identity = new ClientIdentity(options);
    this.access = new RequestAccess(options);
    this.headers = new RateLimitHeaderWriter(options);
    this.body = options.body;
    const names = options.routes.map(({ path, method }) => `${method ?? 'ANY'} ${path}`);
    this.#default = options.default === undefined ? [] : [this.#named(options.default, 'default')];
    this.#routes = options.routes.map(({ path, method, limit }, index) => ({
      matches: compileRoutePattern(path, method),
      limit: this.#named(limit, numbered(names, index)),
    }));
  }

  /** @throws LimitMisconfiguredError where limits that share a counter contradict each other */
  of(context: ExecutionContext, request: HttpRequest): readonly NamedLimit[] {
    const cache = this.#cacheOf(context);
    const path = requestPath(request);
    const key = `${request.method} ${path}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const found = this.#find(context, request, path);
    refuseDisagreement(found);
    if (cache.size < MAX_PATHS_PER_HANDLER) cache.set(key, found);
    return found;
  }

  /** Does `@SkipRateLimit` exempt it from every limit? */
  isExempt(context: ExecutionContext): boolean {
    const places = [context.getHandler(), context.getClass()];
    return this.#reflector.getAllAndOverride(SKIP_RATE_LIMIT, places) === true;
  }

  /**
   * Limits of `@nestjs/throttler`. Where its own guard may be there as well, because it was given
   * our storage, both enforce them until one is told not to: better twice than not at all.
   */
  ofThrottlers({ storage, ...given }: TheirThrottlers): ThrottlerLimits | undefined {
    const { throttlers: isOurs, onRedisDown } = this.#options;
    if (isOurs === false) return undefined;
    if (isOurs === undefined && storage instanceof BackplaneThrottlerStorage) {
      new Logger(RequestPolicies.name).warn(
        'ThrottlerModule has our storage, so its own guard may count too. Set throttlers of ' +
          'ThrottleModule to false where ThrottlerGuard stays, and to true where it has gone.',
      );
    }
    const { known, identity } = this;
    const tracked: ThrottlerLimitsOptions['tracked'] = (...args) => identity.tracked(...args);
    const reflector = this.#reflector;
    return new ThrottlerLimits({ ...given, tracked, reflector, onRedisDown, known });
  }

  /** For a request that no route answers: limits by pattern hold before the route exists. */
  ofUnmatched(request: HttpRequest): readonly NamedLimit[] {
    return this.#orDefault(this.#byPattern(request.method, [requestPath(request)]));
  }

  #find(context: ExecutionContext, request: HttpRequest, path: string): readonly NamedLimit[] {
    if (this.isExempt(context)) return [];
    const template = routeTemplate(request);
    const decorated = this.#decorated(context, template);
    if (context.getType<string>() === 'ws') return this.#orDefaultOfMessages(decorated);
    const patterned = this.#byPattern(request.method, [path, template ?? path]);
    return this.#orDefault([...decorated, ...patterned]);
  }

  #byPattern(method: string, paths: readonly string[]): readonly NamedLimit[] {
    const matching = this.#routes.filter(({ matches }) => matches({ method, paths }));
    return matching.map(({ limit }) => limit);
  }

  #orDefault(found: readonly NamedLimit[]): readonly NamedLimit[] {
    return found.length > 0 ? found : this.#default;
  }

  /**
   * A message came by a connection that was made long ago: it has no route. When it has been handled
   * only a decorator sees, so no other limit could give a lease back.
   */
  #orDefaultOfMessages(decorated: readonly NamedLimit[]): readonly NamedLimit[] {
    return decorated.length > 0 ? decorated : this.#default.filter((limit) => !isLease(limit));
  }

  #decorated(context: ExecutionContext, template: string | undefined): readonly NamedLimit[] {
    const places = [context.getHandler(), context.getClass()];
    const limits =
      this.#reflector.getAllAndOverride<readonly UnnamedLimit[] | undefined>(RATE_LIMITS, places) ??
      [];
    const names = limits.map((limit) => scopeName(limit, context, template));
    return limits.map((limit, index) => this.#named(limit, numbered(names, index)));
  }

  #named(limit: UnnamedLimit, name: string): NamedLimit {
    const { onRedisDown } = this.#options;
    return new NamedLimit(limit, { name: limit.name ?? name, onRedisDown, known: this.known });
  }

  #cacheOf(context: ExecutionContext): LimitCache {
    const handlers = this.#caches.get(context.getClass()) ?? new WeakMap<object, LimitCache>();
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

function refuseDisagreement(limits: readonly NamedLimit[]): void {
  const found = disagreement(limits);
  if (found === undefined) return;
  const { index, option, problem } = found;
  throw new LimitMisconfiguredError({ policy: limits[index]?.name ?? '', option, problem });
}

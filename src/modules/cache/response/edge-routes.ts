import { Inject, Injectable, VersioningType } from '@nestjs/common';
import { GUARDS_METADATA, HOST_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { InvalidOptionError } from '../../../common/errors/index.js';
import { type EarlyGuard, isEarlyGuard } from '../../../common/http/index.js';
import { CacheResponseInterceptor } from './cache-response.interceptor.js';
import { type CachedRoute, readRoute } from './cached-route.js';

type Controller = ReturnType<ExecutionContextHost['getClass']>;

/** What the edge lane has to know of the application. */
export interface CheckedRoutes {
  /** Names of the handlers, such as `PricesController.list`. */
  readonly handlers: ReadonlySet<string>;
  /** The global guards. */
  readonly guards: readonly EarlyGuard[];
}

interface FoundRoute extends CachedRoute {
  readonly owner: Controller;
  readonly handler: Function;
}

/** Finds the routes with `edge`, and refuses those that cannot be answered early. */
@Injectable()
export class EdgeRoutes {
  readonly #scanner = new MetadataScanner();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {}

  /** To be called when everything global is known. @throws InvalidOptionError */
  check(): CheckedRoutes {
    const controllers = this.discovery.getControllers().map(({ metatype }) => metatype);
    const routes = controllers.flatMap((owner) => this.#edgeRoutesOf(owner as Controller));
    const isHostBound = controllers.some((owner) => hostsOf(owner) !== undefined);
    for (const route of routes) {
      const why = this.#whyNotEarly(route, isHostBound);
      if (why === undefined) continue;
      throw new InvalidOptionError(
        '@CacheResponse.edge',
        `cannot be kept for ${route.name}: ${why}`,
      );
    }
    const guards = this.application.getGlobalGuards().filter(isEarlyGuard);
    return { handlers: new Set(routes.map(({ name }) => name)), guards };
  }

  #edgeRoutesOf(owner: Controller): readonly FoundRoute[] {
    const prototype = owner.prototype as object;
    return this.#scanner.getAllMethodNames(prototype).flatMap((method) => {
      const handler = Reflect.get(prototype, method) as Function;
      const context = new ExecutionContextHost([], owner, handler);
      const route = readRoute(CacheResponseInterceptor, context, this.application);
      return route?.options.edge ? [{ ...route, owner, handler }] : [];
    });
  }

  #whyNotEarly(route: FoundRoute, isHostBound: boolean): string | undefined {
    const guard = this.#otherGuard(route);
    if (guard !== undefined) {
      return `${guard} would not be asked; only the guard of ThrottleModule can be asked early`;
    }
    if (route.bypassed !== undefined) return route.bypassed;
    if (!route.isFinal)
      return 'interceptors around the cache, or a redirect or page, make the answer';
    if (isHostBound) return 'controllers are bound to hosts, so that a URL does not tell the route';
    const versioning = this.application.getVersioning();
    return versioning === undefined || versioning.type === VersioningType.URI
      ? undefined
      : 'versions are not in the URL, so that it does not tell the route';
  }

  /** Name of a guard that cannot be asked early, or would be asked beside the global one. */
  #otherGuard({ owner, handler }: FoundRoute): string | undefined {
    const global = this.application.getGlobalGuards();
    const own = [...guardsAt(owner), ...guardsAt(handler)];
    const other =
      global.find((guard) => !isEarlyGuard(guard)) ??
      this.application.getGlobalRequestGuards().map(({ metatype }) => metatype)[0] ??
      own.find((guard) => !global.some((early) => isOfClass(early, guard)));
    if (other === undefined) return undefined;
    return typeof other === 'function' ? other.name : Object(other).constructor.name;
  }
}

function isOfClass(guard: object, type: unknown): boolean {
  return typeof type === 'function' && guard instanceof type;
}

function guardsAt(target: Function): readonly unknown[] {
  const found: unknown = Reflect.getMetadata(GUARDS_METADATA, target);
  return Array.isArray(found) ? found : [];
}

function hostsOf(owner: unknown): unknown {
  return typeof owner === 'function' ? Reflect.getMetadata(HOST_METADATA, owner) : undefined;
}

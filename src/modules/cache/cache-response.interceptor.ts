import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { ApplicationConfig, Reflector } from '@nestjs/core';
import { lastValueFrom, type Observable, of } from 'rxjs';
import { headerValue, type HttpRequest, setHeader } from '../../common/http/index.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { CacheService } from './cache.service.js';
import { CACHE_RESPONSE, type ResolvedCacheResponse } from './cache-response.options.js';
import { isOutermost } from './outermost.js';
import { type InspectableResponse, isCacheable, stateOf } from './response-cacheability.js';
import { defaultKeyText, responseKey, routeParts } from './response-key.js';
import { packResponse, type ResponseTarget, unpackResponse } from './stored-response.js';

/** Carries a value past the cache to the request that made it. */
class NotCacheable {
  constructor(readonly value: unknown) {}
}

/** One request of a cached route. */
interface Exchange extends ResponseTarget {
  readonly key: string;
  readonly route: ResolvedCacheResponse;
  readonly next: CallHandler;
}

/** Answers from the cache, or lets the handler answer and stores it. See `@CacheResponse`. */
@Injectable()
export class CacheResponseInterceptor implements NestInterceptor {
  constructor(
    @Inject(CacheService) private readonly cache: CacheService,
    @Inject(CACHE_OPTIONS) private readonly options: ResolvedCacheOptions,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {}

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const route = this.reflector.get<ResolvedCacheResponse | undefined>(
      CACHE_RESPONSE,
      context.getHandler(),
    );
    if (route === undefined || context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const response = http.getResponse<InspectableResponse>();
    const key = this.#keyOf(context, route);
    if (key === undefined) {
      setHeader(response, 'X-Cache', 'BYPASS');
      return next.handle();
    }
    const outermost = isOutermost(CacheResponseInterceptor, context, this.application);
    return this.#answer({ key, route, response, next, isOutermost: outermost });
  }

  async #answer(exchange: Exchange): Promise<Observable<unknown>> {
    const { key, route, response, next } = exchange;
    const own: { state: 'HIT' | 'MISS'; notCacheable?: NotCacheable } = { state: 'HIT' };
    const load = async (): Promise<unknown> => {
      own.state = 'MISS';
      const outcome = await runHandler(exchange);
      if (outcome instanceof NotCacheable) throw (own.notCacheable = outcome);
      return outcome;
    };
    try {
      const entry = await this.cache.getOrSet(key, load, { ttl: route.ttl });
      if (own.state === 'HIT') setHeader(response, 'X-Cache', 'HIT');
      return of(unpackResponse(entry, exchange));
    } catch (error) {
      if (!(error instanceof NotCacheable)) throw error;
      // A coalesced request cannot share what must not be cached: it runs its own handler.
      if (error === own.notCacheable) return of(error.value);
      setHeader(response, 'X-Cache', 'MISS');
      return next.handle();
    }
  }

  /** `undefined` when the request must not meet the cache. */
  #keyOf(context: ExecutionContext, route: ResolvedCacheResponse): string | undefined {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const user = this.options.userId(request);
    const isShareable = route.public || (user === undefined && !this.#hasCredentials(request));
    if (!isShareable && !(route.userAware && user !== undefined)) return undefined;
    const key = typeof route.key === 'function' ? route.key(request) : route.key;
    const text = `${route.keyPrefix ?? ''}${key ?? defaultKeyText(request)}`;
    const parts = key === undefined ? routeParts(context) : {};
    return responseKey(text, route.userAware ? { ...parts, user: user ?? '' } : parts);
  }

  #hasCredentials(request: HttpRequest): boolean {
    return this.options.credentialHeaders.some((name) => headerValue(request, name) !== undefined);
  }
}

/** What is stored of the handler's answer. */
async function runHandler(exchange: Exchange): Promise<unknown> {
  const { response, next } = exchange;
  const before = stateOf(response);
  // Now, because a handler that answers by itself sends the headers.
  setHeader(response, 'X-Cache', 'MISS');
  const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
  if (!isCacheable(value, before, response)) return new NotCacheable(value);
  return packResponse(value, exchange) ?? new NotCacheable(value);
}

import { createHash } from 'node:crypto';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { lastValueFrom, type Observable, of } from 'rxjs';
import { headerValue, type HttpRequest, requestPath, setHeader } from '../../common/http/index.js';
import { CACHE_OPTIONS } from './cache.module-definition.js';
import type { ResolvedCacheOptions } from './cache.options.js';
import { CacheService } from './cache.service.js';
import { CACHE_RESPONSE, type ResolvedCacheResponse } from './cache-response.options.js';
import { type InspectableResponse, isCacheable, stateOf } from './response-cacheability.js';

/** Longer paths and queries are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/** Carries a value past the cache to the request that made it. */
class NotCacheable {
  constructor(readonly value: unknown) {}
}

/** Answers from the cache, or lets the handler answer and stores it. See `@CacheResponse`. */
@Injectable()
export class CacheResponseInterceptor implements NestInterceptor {
  constructor(
    @Inject(CacheService) private readonly cache: CacheService,
    @Inject(CACHE_OPTIONS) private readonly options: ResolvedCacheOptions,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const route = this.reflector.get<ResolvedCacheResponse | undefined>(
      CACHE_RESPONSE,
      context.getHandler(),
    );
    if (route === undefined || context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<HttpRequest>();
    const response = context.switchToHttp().getResponse<InspectableResponse>();
    const key = this.#keyOf(request, route);
    if (key === undefined) {
      setHeader(response, 'X-Cache', 'BYPASS');
      return next.handle();
    }
    return this.#answer({ key, route, response, next });
  }

  async #answer(exchange: {
    readonly key: string;
    readonly route: ResolvedCacheResponse;
    readonly response: InspectableResponse;
    readonly next: CallHandler;
  }): Promise<Observable<unknown>> {
    const { key, route, response, next } = exchange;
    const before = stateOf(response);
    const own: { state: 'HIT' | 'MISS'; notCacheable?: NotCacheable } = { state: 'HIT' };
    const load = async (): Promise<unknown> => {
      own.state = 'MISS';
      // Now, because a handler that answers by itself sends the headers.
      setHeader(response, 'X-Cache', 'MISS');
      const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      if (isCacheable(value, before, response)) return value;
      own.notCacheable = new NotCacheable(value);
      throw own.notCacheable;
    };
    try {
      const entry = route.ttl === undefined ? {} : { ttl: route.ttl };
      const value = await this.cache.getOrSet(key, load, entry);
      if (own.state === 'HIT') setHeader(response, 'X-Cache', 'HIT');
      return of(value);
    } catch (error) {
      if (!(error instanceof NotCacheable)) throw error;
      // A coalesced request cannot share what must not be cached: it runs its own handler.
      if (error === own.notCacheable) return of(error.value);
      setHeader(response, 'X-Cache', 'MISS');
      return next.handle();
    }
  }

  /** `undefined` when the request must not meet the cache. */
  #keyOf(request: HttpRequest, route: ResolvedCacheResponse): string | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const user = this.options.userId(request);
    const isPersonal = user !== undefined || headerValue(request, 'authorization') !== undefined;
    if (isPersonal && !route.public && !(route.userAware && user !== undefined)) return undefined;
    const key = typeof route.key === 'function' ? route.key(request) : route.key;
    const base = `${route.keyPrefix ?? ''}${key ?? defaultKey(request)}`;
    return route.userAware ? `${base}|user=${encodeURIComponent(user ?? '')}` : base;
  }
}

function defaultKey(request: HttpRequest): string {
  const url = request.originalUrl ?? request.url;
  const path = requestPath(request);
  const query = new URLSearchParams(url.slice(path.length));
  query.sort();
  const text = query.toString();
  return `response:${shortened(path)}${text === '' ? '' : `?${shortened(text)}`}`;
}

/** A URL may be longer than a key. Neither a path nor a query can look like a hash. */
function shortened(text: string): string {
  if (text.length <= MAX_READABLE) return text;
  return `sha256-${createHash('sha256').update(text).digest('base64url')}`;
}

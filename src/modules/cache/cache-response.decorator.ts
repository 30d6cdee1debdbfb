import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { CacheResponseInterceptor } from './cache-response.interceptor.js';
import {
  CACHE_RESPONSE,
  type CacheResponseOptions,
  resolveCacheResponse,
} from './cache-response.options.js';

/**
 * Caches what a GET route returns. Concurrent misses run the handler once.
 *
 * Safe by default: the answer to a request that carries `Authorization`, `Cookie` or `X-Api-Key`,
 * or whose user a guard has identified, is neither stored nor taken from the cache unless
 * `userAware` or `public` says how. Not stored either: errors, streams, instances of classes that
 * an interceptor around the cache would see, and answers whose handler set `Set-Cookie`, another
 * status, a header that describes the body (`Content-Type`, …), or `Cache-Control: no-store |
 * private`. Other headers that a handler sets by itself are not repeated by a hit; static `@Header`
 * and `@HttpCode` are. The header `X-Cache` says `HIT`, `MISS` or `BYPASS`.
 *
 * @example
 * @CacheResponse({ ttl: '1m', userAware: true })
 * @Get('portfolio')
 * portfolio() {}
 * @throws InvalidOptionError at load time, naming the wrong option
 */
export function CacheResponse(options: CacheResponseOptions = {}): MethodDecorator {
  return applyDecorators(
    SetMetadata(CACHE_RESPONSE, resolveCacheResponse(options)),
    UseInterceptors(CacheResponseInterceptor),
  );
}

import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { CacheResponseInterceptor } from './cache-response.interceptor.js';
import {
  CACHE_RESPONSE,
  type CacheResponseOptions,
  resolveCacheResponse,
} from './cache-response.options.js';

/**
 * Caches what a route answers: status, headers and body. Concurrent misses run the handler once.
 *
 * Safe by default: the answer to a request that carries `Authorization`, `Cookie` or `X-Api-Key`,
 * or whose user a guard has identified, is neither stored nor taken from the cache unless
 * `userAware`, `vary` or `public` says how. Not stored either: failures, streams, what a handler
 * sends by itself, answers that set a cookie, and those whose `Cache-Control` or `Vary` forbids it.
 * The headers `X-Cache` and `Cache-Status` say what became of a request.
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

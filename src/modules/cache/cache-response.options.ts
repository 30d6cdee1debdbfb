import { z } from 'zod';
import type { HttpRequest } from '../../common/http/index.js';
import { callable, duration, parseOptions } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';

export const CACHE_RESPONSE = Symbol('CACHE_RESPONSE');

/** Key of a request, as a text or made from the request. */
export type ResponseKey = string | ((request: HttpRequest) => string);

export interface CacheResponseOptions {
  /** @default the module's `ttl` */
  readonly ttl?: Duration;
  /** @default the path and the query, whatever the order of its parameters */
  readonly key?: ResponseKey;
  /** Put before the key, so that a group of routes can be invalidated by `prefix*`. */
  readonly keyPrefix?: string;
  /** One entry for each user instead of one for all. @default false */
  readonly userAware?: boolean;
  /** The answer is the same for everybody, also for those who are signed in. @default false */
  readonly public?: boolean;
}

const schema = z
  .strictObject({
    ttl: duration().optional(),
    key: z.union([z.string().min(1), callable<(request: HttpRequest) => string>()]).optional(),
    keyPrefix: z.string().min(1).max(200).optional(),
    userAware: z.boolean().default(false),
    public: z.boolean().default(false),
  })
  .refine((options) => !(options.userAware && options.public), {
    path: ['public'],
    message: 'excludes userAware',
  });

export type ResolvedCacheResponse = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveCacheResponse(options: CacheResponseOptions): ResolvedCacheResponse {
  return parseOptions(schema, options, '@CacheResponse');
}

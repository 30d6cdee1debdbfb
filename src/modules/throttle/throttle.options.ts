import type { CanActivate, Type } from '@nestjs/common';
import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import { callable, duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import { isAddressRange } from './requests/address-list.js';
import type { ApiKeyOptions } from './requests/client-identity.js';
import type { RateLimitHeaders, StandardHeaders } from './requests/rate-limit.headers.js';
import type { RateLimitBody } from './requests/rate-limit.response.js';
import { blockList, type BlockListOptions } from './block-list.options.js';
import { failurePolicy, MAX_SLIDING_LIMIT } from './rate-limit.options.js';
import {
  type OfRequest,
  refineRequestLimit,
  requestLimit,
  type RequestLimitOptions,
  requestLimitShape,
  toRequestLimit,
  type UnnamedLimit,
} from './requests/request-limit.options.js';
import { disagreement } from './requests/shared-counters.js';
import type { ThrottleDriver, ThrottleFailurePolicy } from './throttle.driver.js';

/** A limit for every route that matches, with or without a decorator, existing yet or not. */
export interface RouteLimitOptions extends RequestLimitOptions {
  /** `:name` and `*` stand for one segment, a final `**` for any number. Case does not matter. */
  readonly path: string;
  /** @default every method */
  readonly method?: string;
}

export interface ThrottleOptions {
  /** For requests that no other policy covers; one counter for each client. @default none */
  readonly default?: RequestLimitOptions;
  /** Limits by route pattern. Every one that matches is enforced. @default [] */
  readonly routes?: readonly RouteLimitOptions[];
  /**
   * Paths that are served outside of Nest's router, as patterns like those of `routes`: Swagger's
   * page and files, static assets, a queue dashboard. Guards never see them; they get the limits by
   * route pattern, or the default one. Paths of controllers do not belong here, they would count
   * twice.
   * @default []
   */
  readonly outsideRouter?: readonly string[];
  /** Bits of an IPv6 address that name a client: what one customer gets. @default 64 */
  readonly ipv6Prefix?: 64 | 56 | 48;
  /**
   * Who the user is, for limits `by: 'user'`.
   * @default the `id` or `sub` of `request.user`; with `BackplaneModule` also the user of the session
   */
  readonly user?: OfRequest<string | undefined>;
  /** For limits `by: 'api-key'`. @default none, they count by IP address */
  readonly apiKey?: ApiKeyOptions;
  /** Addresses and networks (CIDR) that no limit holds for. @default [] */
  readonly allow?: readonly string[];
  /** Addresses and networks (CIDR) that get 403; goes before `allow`. @default [] */
  readonly deny?: readonly string[];
  /** What checked requests are told about their limits. @default 'both' */
  readonly headers?: RateLimitHeaders;
  /**
   * The draft of the standard that `headers` 'both' and 'standard' follow; an earlier one for clients
   * that read no other. @default 'draft-8', as it still is in draft 11
   */
  readonly standardHeaders?: StandardHeaders;
  /**
   * Tells clients which of their counters is meant (`pk`): an HMAC of the subject under this secret,
   * which all instances have to share. @default none, and no `pk`
   */
  readonly partitionKeySecret?: string;
  /** Makes the body of a 429. @default that of docs/throttle.md, or problem details (RFC 9457) */
  readonly body?: RateLimitBody;
  /** What policies that do not say otherwise do while Redis is away. @default 'memory' */
  readonly onRedisDown?: ThrottleFailurePolicy;
  /**
   * Instances of the application; while Redis is away each grants its share.
   * @default as many as are heard of in Redis
   */
  readonly instances?: number;
  /** Longest wait for Redis in one check. @default '50ms' */
  readonly deadline?: Duration;
  /**
   * Answers subjects that are over their limit from this process, for as long as the denial is
   * certain, without asking Redis. Another process that takes hits back is noticed a little later.
   * @default false
   */
  readonly blockList?: boolean | BlockListOptions;
  /** Counters the memory driver keeps; beyond it the least recently used goes. @default 100000 */
  readonly maxCounters?: number;
  /**
   * Hits the memory driver remembers over all counters, about 10 bytes each (a fixed window counts
   * as one); beyond it the least recently used counter goes. At least 100000. @default 1000000
   */
  readonly maxHits?: number;
  /**
   * Enforces what `ThrottlerModule` and `@Throttle` of `@nestjs/throttler` say, as well. `false`
   * where its own guard stays. @default true, with a warning where its storage is ours
   */
  readonly throttlers?: boolean;
  /**
   * A subclass of `RateLimitGuard`, to say who the client is or whom to let through.
   * @default RateLimitGuard
   */
  readonly guard?: Type<CanActivate>;
  /** Makes a driver of the application's own, in place of memory and Redis. @default none */
  readonly driver?: DriverFactory<ThrottleDriver>;
}

function isClass(value: unknown): boolean {
  return typeof value === 'function';
}

/** Anything else would be a literal that no request has, and the limit would silently not hold. */
function isRoutePattern(path: string): boolean {
  const segments = path.split('/');
  return segments.every(
    (segment, index) =>
      segment === '*' ||
      (segment === '**' && index === segments.length - 1) ||
      !/[*?#]/.test(segment),
  );
}

const routePattern = z
  .string()
  .startsWith('/', 'must start with /')
  .refine(isRoutePattern, 'may hold * only as a segment, ** only as the last, and no ? or #');

const routeLimit = z
  .strictObject({
    ...requestLimitShape,
    path: routePattern,
    method: z.string().toUpperCase().optional(),
  })
  .superRefine(refineRequestLimit)
  .transform(({ path, method, ...limit }) => ({ path, method, limit: toRequestLimit(limit) }));

const addresses = z
  .array(z.string().refine(isAddressRange, 'must be an IP address or a network such as 10.0.0.0/8'))
  .default([]);

interface SharedLimits {
  readonly default?: UnnamedLimit | undefined;
  readonly routes: readonly { readonly limit: UnnamedLimit }[];
}

function refineSharedCounters(options: SharedLimits, context: z.RefinementCtx): void {
  const { default: fallback, routes } = options;
  const named = routes.flatMap(({ limit }, route) =>
    limit.name === undefined ? [] : [{ ...limit, name: limit.name, route }],
  );
  const known =
    fallback === undefined ? [] : [{ ...fallback, name: fallback.name ?? 'default', route: -1 }];
  const limits = [...known, ...named];
  const found = disagreement(limits);
  if (found === undefined) return;
  // The default limit comes first, and so never contradicts an earlier one.
  const path = ['routes', limits[found.index]?.route ?? 0, found.option];
  context.addIssue({ code: 'custom', path, message: found.problem });
}

function hasStandard(headers: RateLimitHeaders): boolean {
  return headers === 'both' || headers === 'standard';
}

const schema = z
  .strictObject({
    default: requestLimit.optional(),
    routes: z.array(routeLimit).default([]),
    outsideRouter: z.array(routePattern).default([]),
    ipv6Prefix: z
      .union([z.literal(64), z.literal(56), z.literal(48)], 'must be 64, 56 or 48')
      .default(64),
    user: callable<OfRequest<string | undefined>>().optional(),
    apiKey: z
      .strictObject({ header: z.string().min(1), resolve: callable<ApiKeyOptions['resolve']>() })
      .optional(),
    allow: addresses,
    deny: addresses,
    headers: z.enum(['both', 'legacy', 'standard', 'none']).default('both'),
    standardHeaders: z.enum(['draft-6', 'draft-7', 'draft-8']).optional(),
    partitionKeySecret: z.string().min(16, 'must have 16 characters at least').optional(),
    body: callable<RateLimitBody>().optional(),
    onRedisDown: failurePolicy.default('memory'),
    instances: positiveInteger().optional(),
    deadline: duration().prefault('50ms'),
    blockList,
    maxCounters: positiveInteger().default(100_000),
    maxHits: z
      .int('must be a whole number')
      .min(MAX_SLIDING_LIMIT, `must be at least ${MAX_SLIDING_LIMIT}, which one counter may hold`)
      .default(1_000_000),
    throttlers: z.boolean().optional(),
    guard: z.custom<Type<CanActivate>>(isClass, 'must be a class').optional(),
    driver: callable<DriverFactory<ThrottleDriver>>().optional(),
  })
  .superRefine(refineSharedCounters)
  .refine(({ headers, standardHeaders }) => hasStandard(headers) || standardHeaders === undefined, {
    path: ['standardHeaders'],
    error: 'is for headers "both" and "standard"; remove it, or set them',
  })
  .transform(({ deadline, ...rest }) => ({ ...rest, deadlineMs: deadline }));

export type ResolvedThrottleOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveThrottleOptions(options: ThrottleOptions): ResolvedThrottleOptions {
  return parseOptions(schema, options, 'throttle');
}

import type { CanActivate, Type } from '@nestjs/common';
import { z } from 'zod';
import type { DriverFactory } from '../../common/drivers/index.js';
import { callable, duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { RateLimitHeaders } from './rate-limit.headers.js';
import {
  checkRateLimit,
  failurePolicy,
  MAX_SLIDING_LIMIT,
  rateLimit,
  type RateLimitOptions,
  rateLimitShape,
  toPolicy,
  type UnnamedPolicy,
} from './rate-limit.options.js';
import type { ThrottleDriver, ThrottleFailurePolicy } from './throttle.driver.js';

/** A limit for every route that matches, with or without a decorator, existing yet or not. */
export interface RouteLimitOptions extends RateLimitOptions {
  /** `:name` and `*` stand for one segment, a final `**` for any number. Case does not matter. */
  readonly path: string;
  /** @default every method */
  readonly method?: string;
}

export interface ThrottleOptions {
  /** For requests that no other policy covers; one counter for each client. @default none */
  readonly default?: RateLimitOptions;
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
  /** What checked requests are told about their limits. @default 'both' */
  readonly headers?: RateLimitHeaders;
  /** What policies that do not say otherwise do while Redis is away. @default 'memory' */
  readonly onRedisDown?: ThrottleFailurePolicy;
  /** Instances of the application; while Redis is away each grants its share. @default 1 */
  readonly instances?: number;
  /** Longest wait for Redis in one check. @default '50ms' */
  readonly deadline?: Duration;
  /** Counters the memory driver keeps; beyond it the least recently used goes. @default 100000 */
  readonly maxCounters?: number;
  /**
   * Hits the memory driver remembers over all counters, about 10 bytes each (a fixed window counts
   * as one); beyond it the least recently used counter goes. At least 100000. @default 1000000
   */
  readonly maxHits?: number;
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
    ...rateLimitShape,
    path: routePattern,
    method: z.string().toUpperCase().optional(),
  })
  .superRefine(checkRateLimit)
  .transform(toPolicy);

interface SharedLimits {
  readonly default?: UnnamedPolicy | undefined;
  readonly routes: readonly UnnamedPolicy[];
}

/** The shortest window of a shared counter would decide what the longer ones remember. */
function checkSharedWindows(options: SharedLimits, context: z.RefinementCtx): void {
  const { default: fallback, routes } = options;
  const windows = new Map<string, number>();
  if (fallback !== undefined) windows.set(counterName(fallback), fallback.windowMs);
  for (const [index, route] of routes.entries()) {
    if (route.name === undefined) continue;
    const shared = windows.get(counterName(route)) ?? route.windowMs;
    windows.set(counterName(route), shared);
    if (shared === route.windowMs) continue;
    const message = `must be the same for all limits named "${route.name}": they share a counter`;
    context.addIssue({ code: 'custom', path: ['routes', index, 'window'], message });
  }
}

function counterName({ name = 'default', strategy }: UnnamedPolicy): string {
  return `${strategy} ${name}`;
}

const schema = z
  .strictObject({
    default: rateLimit.optional(),
    routes: z.array(routeLimit).default([]),
    outsideRouter: z.array(routePattern).default([]),
    headers: z.enum(['both', 'legacy', 'standard', 'none']).default('both'),
    onRedisDown: failurePolicy.default('memory'),
    instances: positiveInteger().default(1),
    deadline: duration().prefault('50ms'),
    maxCounters: positiveInteger().default(100_000),
    maxHits: z
      .int('must be a whole number')
      .min(MAX_SLIDING_LIMIT, `must be at least ${MAX_SLIDING_LIMIT}, which one counter may hold`)
      .default(1_000_000),
    guard: z.custom<Type<CanActivate>>(isClass, 'must be a class').optional(),
    driver: callable<DriverFactory<ThrottleDriver>>().optional(),
  })
  .superRefine(checkSharedWindows)
  .transform(({ deadline, ...rest }) => ({ ...rest, deadlineMs: deadline }));

export type ResolvedThrottleOptions = z.output<typeof schema>;

/** Validates the options and applies the defaults. @throws InvalidOptionError */
export function resolveThrottleOptions(options: ThrottleOptions): ResolvedThrottleOptions {
  return parseOptions(schema, options, 'throttle');
}

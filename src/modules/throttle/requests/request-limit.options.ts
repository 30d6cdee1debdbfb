import { z } from 'zod';
import { InvalidOptionError } from '../../../common/errors/index.js';
import type { HttpRequest } from '../../../common/http/index.js';
import { callable, parseOptions, positiveInteger } from '../../../common/options/index.js';
import {
  MAX_LIMIT,
  problemOf,
  type RateLimitOptions,
  rateLimitShape,
  refineRateLimit,
  toPolicy,
  type UnnamedPolicy,
} from '../rate-limit.options.js';
import {
  capacityOf,
  isLease,
  type ThrottleFailurePolicy,
  type ThrottleStrategy,
} from '../throttle.driver.js';

/** Something that depends on the request. */
export type OfRequest<T> = (request: HttpRequest) => T | Promise<T>;

/**
 * Whose requests are counted together: those of a client (what the guard's `getTracker` says), an
 * IP address, the user of the session, an API key, or what a function says, such as a tenant. Who
 * has none of it is counted by IP address.
 */
export type LimitSubject = 'client' | 'ip' | 'user' | 'api-key' | OfRequest<string | undefined>;

/** Which answers count: all, those with status 400 and above, or those below. */
export type CountedAnswers = 'all' | 'failures' | 'successes';

/** Which routes share the counter of a decorator's limit without a name. */
export type LimitScope = 'route' | 'controller' | 'global';

/** One limit for requests: at most `limit` of a client in `window`. */
export interface RequestLimitOptions extends Omit<RateLimitOptions, 'limit'> {
  /**
   * A function sees the request, for limits that depend on a plan; `undefined` from it: no limit
   * for this request. What was counted before counts under the new limit.
   */
  readonly limit: number | OfRequest<number | undefined>;
  /** How many requests this one is worth, at most `limit`, or `burst`. @default 1 */
  readonly cost?: number | OfRequest<number>;
  /** @default 'client' */
  readonly by?: LimitSubject;
  /**
   * What is not to count is taken back when the answer is out. Under `concurrency` every request is,
   * when it ends: 'all' only. @default 'all'
   */
  readonly count?: CountedAnswers;
  /** @default 'route' */
  readonly scope?: LimitScope;
}

/** A limit for requests, validated, before the route it is used on gives it a name. */
export interface UnnamedLimit {
  readonly name: string | undefined;
  readonly strategy: ThrottleStrategy;
  readonly windowMs: number;
  readonly burst: number | undefined;
  readonly onRedisDown: ThrottleFailurePolicy | undefined;
  /** A number, or what to ask. */
  readonly limit: number | OfRequest<number | undefined>;
  readonly cost: number | OfRequest<number>;
  readonly by: LimitSubject;
  readonly count: CountedAnswers;
  readonly scope: LimitScope;
  readonly shadow: boolean;
  /** The policy with that limit. @throws InvalidOptionError where it cannot be one */
  policy(limit: number): UnnamedPolicy;
}

export const requestLimitShape = {
  ...rateLimitShape,
  limit: z.union(
    [rateLimitShape.limit, callable<OfRequest<number | undefined>>()],
    `must be a whole number from 1 to ${MAX_LIMIT}, or a function`,
  ),
  cost: z
    .union([positiveInteger(), callable<OfRequest<number>>()], 'must be at least 1, or a function')
    .default(1),
  by: z
    .union(
      [z.enum(['client', 'ip', 'user', 'api-key']), callable<OfRequest<string | undefined>>()],
      'must be "client", "ip", "user", "api-key" or a function',
    )
    .default('client'),
  count: z.enum(['all', 'failures', 'successes']).default('all'),
  scope: z.enum(['route', 'controller', 'global']).default('route'),
};

type GivenLimit = z.output<z.ZodObject<typeof requestLimitShape>>;
type GivenPolicy = z.output<z.ZodObject<typeof rateLimitShape>>;

/** What depends on a limit that is not known yet is checked when it is. */
export function refineRequestLimit(given: GivenLimit, context: z.RefinementCtx): void {
  const { limit, cost, ...rest } = given;
  refineRateLimit({ ...rest, limit: typeof limit === 'number' ? limit : 1 }, context);
  if (isLease(rest) && rest.count !== 'all') {
    const message = 'must be "all" for concurrency, which gives back whatever ends';
    context.addIssue({ code: 'custom', path: ['count'], message });
  }
  if (typeof cost !== 'number') return;
  const known = typeof limit === 'number' ? limit : Infinity;
  const most = capacityOf(toPolicy({ ...rest, limit: known }));
  if (cost <= most) return;
  const message = `must be at most ${most}, all that the limit ever allows at once`;
  context.addIssue({ code: 'custom', path: ['cost'], message });
}

export function toRequestLimit(given: GivenLimit): UnnamedLimit {
  const { limit, cost, by, count, scope, ...rest } = given;
  const { name, strategy, window, onRedisDown, shadow } = rest;
  const known = typeof limit === 'number' ? toPolicy({ ...rest, limit }) : undefined;
  const burst = known?.burst ?? rest.burst;
  const policy = (wanted: number): UnnamedPolicy =>
    wanted === limit && known ? known : policyOf({ ...rest, limit: wanted });
  const ofRequest = { limit, cost, by, count, scope, shadow };
  return { name, strategy, windowMs: window, burst, onRedisDown, ...ofRequest, policy };
}

/** @throws InvalidOptionError for a limit that the application made up and that cannot be one */
function policyOf(given: GivenPolicy): UnnamedPolicy {
  if (!rateLimitShape.limit.safeParse(given.limit).success) {
    throw new InvalidOptionError('limit', `must be a whole number from 1 to ${MAX_LIMIT}`);
  }
  const found = problemOf(given);
  if (found !== undefined) throw new InvalidOptionError(found.option, found.problem);
  return toPolicy(given);
}

export const requestLimit = z
  .strictObject(requestLimitShape)
  .superRefine(refineRequestLimit)
  .transform(toRequestLimit);

/** Validates one limit. @param root how it is called in errors @throws InvalidOptionError */
export function resolveRequestLimit(options: RequestLimitOptions, root: string): UnnamedLimit {
  return parseOptions(requestLimit, options, root);
}

import { z } from 'zod';
import { duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import type { ThrottleFailurePolicy, ThrottlePolicy, ThrottleStrategy } from './throttle.driver.js';

/** One limit: at most `limit` requests of a client in `window`. */
export interface RateLimitOptions {
  readonly limit: number;
  readonly window: Duration;
  /** What exactly that means; see `ThrottleStrategy`. @default 'sliding-window', which is exact */
  readonly strategy?: ThrottleStrategy;
  /**
   * Requests that may come at once, for `token-bucket` and `gcra`.
   * @default `limit` for `token-bucket`; 1 for `gcra`: evenly spaced
   */
  readonly burst?: number;
  /**
   * Routes with the same name share one counter for each client, and must have the same window.
   * @default method and path of the route, with `@` for a decorator; several limits are numbered
   */
  readonly name?: string;
  /** @default the module's `onRedisDown` */
  readonly onRedisDown?: ThrottleFailurePolicy;
}

/** A limit as configured, before the route it is used on gives it a name. */
export interface UnnamedPolicy extends Omit<ThrottlePolicy, 'name' | 'onRedisDown'> {
  readonly name?: string | undefined;
  readonly onRedisDown?: ThrottleFailurePolicy | undefined;
}

/** A sliding window keeps one entry for each hit; beyond this a list gets too large to be kind. */
export const MAX_SLIDING_LIMIT = 100_000;
const MAX_LIMIT = 1_000_000_000;

export const failurePolicy = z.enum(['memory', 'open', 'closed']);

const strategy = z.enum([
  'fixed-window',
  'sliding-window',
  'sliding-window-counter',
  'token-bucket',
  'gcra',
] as const satisfies readonly ThrottleStrategy[]);

export const rateLimitShape = {
  limit: positiveInteger().max(MAX_LIMIT),
  window: duration(),
  strategy: strategy.default('sliding-window'),
  burst: positiveInteger().max(MAX_LIMIT).optional(),
  name: z.string().min(1).max(200).optional(),
  onRedisDown: failurePolicy.optional(),
};

interface RateLimitShape {
  readonly limit: number;
  readonly window: number;
  readonly strategy: ThrottleStrategy;
  readonly burst?: number | undefined;
}

export function checkRateLimit(given: RateLimitShape, context: z.RefinementCtx): void {
  const refuse = (option: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [option], message });
  };
  if (given.burst !== undefined && !isBucket(given.strategy)) {
    refuse('burst', `is for token-bucket and gcra, not for ${given.strategy}`);
  }
  if (given.strategy === 'sliding-window' && given.limit > MAX_SLIDING_LIMIT) {
    refuse('limit', `must be at most ${MAX_SLIDING_LIMIT} for sliding-window; use fixed-window`);
  }
  if (!isCountable(given)) {
    refuse('window', `is too long for ${given.strategy} with so many; use fixed-window`);
  }
}

/** Both count in fractions of a hit, of which there must be fewer than whole numbers. */
function isCountable({ limit, window, strategy: kind, burst = limit }: RateLimitShape): boolean {
  if (kind === 'fixed-window' || kind === 'sliding-window') return true;
  return 2 * Math.max(limit, burst) * window <= Number.MAX_SAFE_INTEGER;
}

function isBucket(kind: ThrottleStrategy): boolean {
  return kind === 'token-bucket' || kind === 'gcra';
}

export function toPolicy<T extends RateLimitShape>({ window, burst, ...rest }: T) {
  const usualBurst = rest.strategy === 'gcra' ? 1 : rest.limit;
  return { ...rest, burst: burst ?? usualBurst, windowMs: window };
}

export const rateLimit = z
  .strictObject(rateLimitShape)
  .superRefine(checkRateLimit)
  .transform(toPolicy);

/** Validates one limit. @param root how it is called in errors @throws InvalidOptionError */
export function resolveRateLimit(options: RateLimitOptions, root: string): UnnamedPolicy {
  return parseOptions(rateLimit, options, root);
}

import { z } from 'zod';
import { duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';
import {
  isBucket,
  isLease,
  type ThrottleBlock,
  type ThrottleFailurePolicy,
  type ThrottlePolicy,
  type ThrottleStrategy,
} from './throttle.driver.js';

/** One limit: at most `limit` requests of a client in `window`, or at the same time. */
export interface RateLimitOptions {
  readonly limit: number;
  /** Under `concurrency` the longest time that a request is believed to run. */
  readonly window: Duration;
  /** What exactly that means; see `ThrottleStrategy`. @default 'sliding-window', which is exact */
  readonly strategy?: ThrottleStrategy;
  /**
   * Requests that may come at once, for `token-bucket` and `gcra`.
   * @default `limit` for `token-bucket`; 1 for `gcra`: evenly spaced
   */
  readonly burst?: number;
  /**
   * Hits that a denied one counts for, as far as there is room under the limit: who does not stop
   * has to wait longer. Not for `concurrency`. @default 0: a denied hit is free
   */
  readonly penalty?: number;
  /**
   * Who goes over the limit is denied everything for so long, once more each time when it is not
   * more than a duration. `duration` doubles with every block up to `longest`, and starts over
   * after a pause as long as the last block and as the window. `'manual'`: only `block` of
   * `ThrottleService` does.
   * @default none
   */
  readonly block?:
    Duration | 'manual' | { readonly duration: Duration; readonly longest: Duration };
  /**
   * Routes with the same name share one counter for each client, and must have the same window,
   * and count the same answers.
   * @default method and path of the route, with `@` for a decorator; several limits are numbered
   */
  readonly name?: string;
  /** `closed` is `open` for a limit in `shadow`. @default the module's `onRedisDown` */
  readonly onRedisDown?: ThrottleFailurePolicy;
  /**
   * Counts and reports what it would have denied, and never denies: to try a limit out. Clients are
   * told nothing of it. @default false
   */
  readonly shadow?: boolean;
}

/** A limit as configured, before the route it is used on gives it a name. */
export interface UnnamedPolicy extends Omit<ThrottlePolicy, 'name' | 'onRedisDown'> {
  readonly name?: string | undefined;
  readonly onRedisDown?: ThrottleFailurePolicy | undefined;
}

/** A sliding window keeps one entry for each hit; beyond this a list gets too large to be kind. */
export const MAX_SLIDING_LIMIT = 100_000;
export const MAX_LIMIT = 1_000_000_000;

/** What names of policies made for `@nestjs/throttler` begin with; no other name does. */
export const THROTTLER_PREFIX = '@throttler ';

export const failurePolicy = z.enum(['memory', 'open', 'closed']);

const strategy = z.enum([
  'fixed-window',
  'sliding-window',
  'sliding-window-counter',
  'token-bucket',
  'gcra',
  'concurrency',
] as const satisfies readonly ThrottleStrategy[]);

const block: z.ZodType<ThrottleBlock> = z.union(
  [
    z.literal('manual').transform(() => ({ durationMs: 0, longestMs: 0 })),
    z
      .strictObject({ duration: duration(), longest: duration() })
      .transform(({ duration: first, longest }) => ({ durationMs: first, longestMs: longest }))
      .refine(({ durationMs, longestMs }) => longestMs >= durationMs),
    duration().transform((ms) => ({ durationMs: ms, longestMs: ms })),
  ],
  'must be a duration, "manual", or a duration and a longest one that is not shorter',
);

export const rateLimitShape = {
  limit: positiveInteger().max(MAX_LIMIT),
  window: duration(),
  strategy: strategy.default('sliding-window'),
  burst: positiveInteger().max(MAX_LIMIT).optional(),
  name: z
    .string()
    .min(1)
    .max(200)
    .refine((name) => !name.startsWith(THROTTLER_PREFIX), 'is one of @nestjs/throttler')
    .optional(),
  penalty: z.int().min(0).max(MAX_LIMIT).default(0),
  block: block.optional(),
  onRedisDown: failurePolicy.optional(),
  shadow: z.boolean().default(false),
};

/** What a limit was set to, with its defaults. */
export interface RateLimitShape {
  readonly limit: number;
  readonly window: number;
  readonly strategy: ThrottleStrategy;
  readonly burst?: number | undefined;
  readonly penalty?: number | undefined;
  readonly block?: ThrottleBlock | undefined;
}

/** What a limit does while Redis is away: one in shadow refuses nothing. @param usual unless it says */
export function failurePolicyOf(
  { shadow, onRedisDown }: Pick<UnnamedPolicy, 'shadow' | 'onRedisDown'>,
  usual: ThrottleFailurePolicy,
): ThrottleFailurePolicy {
  const chosen = onRedisDown ?? usual;
  return shadow && chosen === 'closed' ? 'open' : chosen;
}

/** What is wrong with options that are right one by one. */
export function problemOf(
  given: RateLimitShape,
): { readonly option: string; readonly problem: string } | undefined {
  const { strategy: kind, burst, limit, penalty = 0 } = given;
  if (burst !== undefined && !isBucket(given)) {
    return { option: 'burst', problem: `is for token-bucket and gcra, not for ${kind}` };
  }
  if (isLease(given) && penalty > 0) {
    return { option: 'penalty', problem: `is not for ${kind}: nobody would give its leases back` };
  }
  if (keepsEveryHit(kind) && limit > MAX_SLIDING_LIMIT) {
    const elsewhere = isLease(given) ? '' : '; use fixed-window';
    const problem = `must be at most ${MAX_SLIDING_LIMIT} for ${kind}${elsewhere}`;
    return { option: 'limit', problem };
  }
  if (isCountable(given)) return undefined;
  return { option: 'window', problem: `is too long for ${kind} with so many; use fixed-window` };
}

export function refineRateLimit(given: RateLimitShape, context: z.RefinementCtx): void {
  const found = problemOf(given);
  if (found === undefined) return;
  context.addIssue({ code: 'custom', path: [found.option], message: found.problem });
}

function keepsEveryHit(strategy: ThrottleStrategy): boolean {
  return strategy === 'sliding-window' || strategy === 'concurrency';
}

/** The others count in fractions of a hit, of which there must be fewer than whole numbers. */
function isCountable({ limit, window, strategy: kind, burst = limit }: RateLimitShape): boolean {
  if (kind === 'fixed-window' || keepsEveryHit(kind)) return true;
  return 2 * Math.max(limit, burst) * window <= Number.MAX_SAFE_INTEGER;
}

export function toPolicy<T extends RateLimitShape>({ window, burst, block: hold, ...rest }: T) {
  const usualBurst = rest.strategy === 'gcra' ? 1 : rest.limit;
  return { ...rest, burst: burst ?? usualBurst, windowMs: window, block: hold };
}

const rateLimit = z.strictObject(rateLimitShape).superRefine(refineRateLimit).transform(toPolicy);

/** Validates one limit. @param root how it is called in errors @throws InvalidOptionError */
export function resolveRateLimit(options: RateLimitOptions, root: string): UnnamedPolicy {
  return parseOptions(rateLimit, options, root);
}

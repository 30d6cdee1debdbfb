import { z } from 'zod';
import { duration, parseOptions, positiveInteger } from '../../common/options/index.js';
import type { Backing } from '../../common/status/index.js';
import { MAX_OFFENDERS } from './offenders/top-offenders.js';
import { MAX_LIMIT } from './rate-limit.options.js';
import type {
  ThrottleDecision,
  ThrottleFailurePolicy,
  ThrottleOutcome,
  ThrottlePolicy,
  ThrottleStrategy,
} from './throttle.driver.js';

/** One limit that requests are checked under. */
export interface RateLimitPolicyBody {
  readonly name: string;
  readonly strategy: ThrottleStrategy;
  readonly limit: number;
  readonly window_ms: number;
  /** What may come at once, under a strategy that knows it. */
  readonly burst: number;
  /** Hits that a denied one counts for. */
  readonly penalty: number;
  /** `null`: nobody is blocked; with a `duration_ms` of 0 only operators block. */
  readonly block: { readonly duration_ms: number; readonly longest_ms: number } | null;
  readonly on_redis_down: ThrottleFailurePolicy;
  /** It denies nothing. */
  readonly shadow: boolean;
  /** Hits that limits of that name denied in the answering process since its start. */
  readonly blocked: number;
  /** Likewise those that they would have denied, were they not in shadow. */
  readonly shadow_blocked: number;
}

/**
 * The limits that are known: those of the configuration, and those of decorators once they were
 * met.
 */
export interface RateLimitListBody {
  readonly policies: readonly RateLimitPolicyBody[];
  /** There are more. */
  readonly truncated: boolean;
}

/** How a subject stands under a limit. */
export interface RateLimitStateBody {
  readonly policy: string;
  readonly subject: string;
  /** Would the next hit pass? */
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly reset_ms: number;
  readonly retry_after_ms: number;
  readonly backing: Backing;
}

export function policyBodyOf(
  policy: ThrottlePolicy,
  denied: Pick<RateLimitPolicyBody, 'blocked' | 'shadow_blocked'>,
): RateLimitPolicyBody {
  const { name, strategy, limit, windowMs, burst, penalty, block, onRedisDown, shadow } = policy;
  return {
    name,
    strategy,
    limit,
    window_ms: windowMs,
    burst,
    penalty,
    block: block ? { duration_ms: block.durationMs, longest_ms: block.longestMs } : null,
    on_redis_down: onRedisDown,
    shadow,
    ...denied,
  };
}

/** @param decision the one of the outcome that tells most */
export function stateBodyOf(
  subject: string,
  { allowed, backing }: ThrottleOutcome,
  decision: ThrottleDecision,
): RateLimitStateBody {
  const { policy, limit, remaining, resetMs, retryAfterMs } = decision;
  const times = { reset_ms: resetMs, retry_after_ms: retryAfterMs };
  return { policy, subject, allowed, limit, remaining, ...times, backing };
}

const grant = z.strictObject({ hits: positiveInteger().max(MAX_LIMIT) });

/** How many hits are taken back. @throws InvalidOptionError */
export function parseGrant(body: unknown): number {
  return parseOptions(grant, body ?? {}, 'body').hits;
}

const block = z.strictObject({ duration: duration() });

/** For how many ms. @throws InvalidOptionError */
export function parseBlock(body: unknown): number {
  return parseOptions(block, body ?? {}, 'body').duration;
}

/** A subject that a limit denied hits in the last five to ten minutes. */
export interface RateLimitOffenderBody {
  readonly policy: string;
  readonly subject: string;
  /** Hits that were denied: as many or up to `error` fewer. */
  readonly blocked: number;
  readonly error: number;
}

/** Who was denied most, the worst first. */
export interface RateLimitTopBody {
  readonly offenders: readonly RateLimitOffenderBody[];
  /** `redis`: of all instances; `memory`: of the answering process alone. */
  readonly backing: Backing;
}

const top = z.strictObject({
  limit: z.coerce
    .number()
    .pipe(positiveInteger().max(MAX_OFFENDERS, `must be at most ${MAX_OFFENDERS}`))
    .default(20),
});

/** How many offenders are wanted. @throws InvalidOptionError */
export function parseTop(query: unknown): number {
  return parseOptions(top, query ?? {}, 'query').limit;
}

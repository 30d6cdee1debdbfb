import { throttlerMessage } from '@nestjs/throttler';
import { toSeconds } from '../../../common/time/index.js';
import { decisive } from '../decisive.js';
import type { RequestCheck } from '../requests/request-checks.js';
import type { ThrottleDecision, ThrottleOutcome } from '../throttle.driver.js';
import type { ThrottlerCheck } from './throttler-limits.js';
import { isShut } from './throttler-policy.js';

/** What was asked, and what was said to it, in the same order. */
export interface CheckedRequest {
  readonly checks: readonly RequestCheck[];
  readonly outcome: ThrottleOutcome;
}

/** Makes an error message: that of the base class, or of who overrides it. */
export type ErrorMessageOf = (detail: ThrottlerDetail) => Promise<string>;

/** `ThrottlerLimitDetail` of `@nestjs/throttler`: `limit` and `ttl` as configured, times in seconds. */
export interface ThrottlerDetail {
  readonly limit: number;
  readonly ttl: number;
  readonly key: string;
  readonly tracker: string;
  readonly totalHits: number;
  readonly timeToExpire: number;
  readonly isBlocked: boolean;
  readonly timeToBlockExpire: number;
}

/** What a throttler of limit 0 says: nobody passes, so nothing is counted. */
export function refusalOf(checks: readonly RequestCheck[]): CheckedRequest | undefined {
  const shut = checks.filter(isThrottlerCheck).find(({ throttler }) => isShut(throttler));
  if (shut === undefined) return undefined;
  const { name, windowMs, block } = shut.policy;
  const { limit } = shut.throttler;
  const waitMs = block?.durationMs ?? windowMs;
  const state = { limit, remaining: 0, resetMs: waitMs, retryAfterMs: waitMs, at: 0 };
  const decisions = [{ policy: name, allowed: false, ...state }];
  return { checks: [shut], outcome: { allowed: false, decisions, backing: 'none' } };
}

/** Without the throttlers that clients are not to be told of (`setHeaders: false`). */
export function announced(checked: CheckedRequest): CheckedRequest {
  const { checks, outcome } = checked;
  // On the way of every request: mostly there are none.
  if (!checks.some(isHidden)) return checked;
  const isTold = (index: number): boolean => {
    const check = checks[index];
    return check !== undefined && !isHidden(check);
  };
  const decisions = outcome.decisions.filter((_decision, index) => isTold(index));
  return {
    checks: checks.filter((_check, index) => isTold(index)),
    outcome: { ...outcome, decisions, allowed: decisions.every(({ allowed }) => allowed) },
  };
}

/** What the application has its throttlers say, where one of them denies for longest. */
export async function throttlerMessageOf(
  { checks, outcome }: CheckedRequest,
  messageOf: ErrorMessageOf,
): Promise<string | undefined> {
  const decision = decisive(outcome);
  const check = checks[outcome.decisions.findIndex((each) => each === decision)];
  if (decision === undefined || check === undefined || !isThrottlerCheck(check)) return undefined;
  const message = await messageOf(detailOf(check, decision));
  // Nobody chose that one; ours tells the limit.
  return message === throttlerMessage ? undefined : message;
}

function detailOf({ throttler }: ThrottlerCheck, decision: ThrottleDecision): ThrottlerDetail {
  const { limit, ttl, key, tracker } = throttler;
  return {
    limit,
    ttl,
    key,
    tracker,
    totalHits: limit + 1,
    timeToExpire: toSeconds(decision.resetMs),
    isBlocked: true,
    timeToBlockExpire: toSeconds(decision.retryAfterMs),
  };
}

function isThrottlerCheck(check: RequestCheck): check is ThrottlerCheck {
  return 'throttler' in check;
}

function isHidden(check: RequestCheck): boolean {
  return isThrottlerCheck(check) && !check.throttler.setHeaders;
}

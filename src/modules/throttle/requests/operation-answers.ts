import type { RequestCheck } from './request-checks.js';
import type { CheckedRequest } from '../nestjs-throttler/throttler-answer.js';

/** The resolvers of a GraphQL operation are checked one by one, and answer with one response. */
export class OperationAnswers {
  readonly #told = new WeakMap<object, CheckedRequest>();

  /** What all resolvers of the request were told up to now; of a counter the latest. */
  with(request: object, checked: CheckedRequest): CheckedRequest {
    const earlier = this.#told.get(request);
    const together = earlier === undefined ? checked : merged(earlier, checked);
    this.#told.set(request, together);
    return together;
  }
}

function merged(earlier: CheckedRequest, later: CheckedRequest): CheckedRequest {
  const isStill = (_each: unknown, index: number): boolean =>
    !later.checks.some((check) => isSameCounter(check, earlier.checks[index]));
  const decisions = [...earlier.outcome.decisions.filter(isStill), ...later.outcome.decisions];
  return {
    checks: [...earlier.checks.filter(isStill), ...later.checks],
    outcome: { ...later.outcome, decisions, allowed: decisions.every(({ allowed }) => allowed) },
  };
}

function isSameCounter(one: RequestCheck, other: RequestCheck | undefined): boolean {
  return one.subject === other?.subject && one.policy.name === other.policy.name;
}

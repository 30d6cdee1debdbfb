import type { ThrottleDecision, ThrottleOutcome } from './throttle.driver.js';

/** What the client is told about: the longest wait when denied, else the scarcest policy. */
export function decisive({ decisions }: ThrottleOutcome): ThrottleDecision | undefined {
  let found = decisions[0];
  for (const decision of decisions) {
    if (found === undefined || isMoreTelling(decision, found)) found = decision;
  }
  return found;
}

function isMoreTelling(decision: ThrottleDecision, than: ThrottleDecision): boolean {
  const longer = decision.retryAfterMs - than.retryAfterMs;
  return longer > 0 || (longer === 0 && decision.remaining < than.remaining);
}

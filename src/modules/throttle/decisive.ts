import type { ThrottleDecision, ThrottleOutcome } from './throttle.driver.js';

/** What the client is told about: the longest wait when denied, else the scarcest policy. */
export function decisive(outcome: ThrottleOutcome): ThrottleDecision | undefined {
  return outcome.decisions.toSorted(
    (a, b) => b.retryAfterMs - a.retryAfterMs || a.remaining - b.remaining,
  )[0];
}

/** Whole seconds, never too few. */
export function toSeconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1_000);
}

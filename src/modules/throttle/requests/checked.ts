import type { ThrottleCheck, ThrottleOutcome } from '../throttle.driver.js';

/** What was asked for a request, and what was said: what headers and bodies are made of. */
export interface Checked {
  readonly outcome: ThrottleOutcome;
  /** In the order of the decisions. */
  readonly checks: readonly Pick<ThrottleCheck, 'subject' | 'policy'>[];
}

import { BackplaneError } from '../../common/errors/index.js';
import { formatDuration } from '../../common/time/index.js';
import type { ThrottleOutcome } from './throttle.driver.js';

/** Redis is away and the policy says `onRedisDown: 'closed'`: nothing was counted or admitted. */
export class ThrottleBackendDownError extends BackplaneError {
  readonly code = 'E_THROTTLE_BACKEND_DOWN';

  constructor(readonly policy: string) {
    super(
      `The limit "${policy}" cannot be checked while Redis is away, and it is closed then. ` +
        `Set onRedisDown to "memory" or "open" to go on without it.`,
    );
  }
}

/**
 * A limit cannot be checked, through a fault of the application: a function of the limit failed or
 * answered with what cannot be, or limits of one name contradict each other. Nothing was counted.
 */
export class LimitMisconfiguredError extends BackplaneError {
  readonly code = 'E_LIMIT_MISCONFIGURED';
  /** The client can do nothing about it: over HTTP 500. */
  override readonly kind = 'internal';
  readonly policy: string;
  /** Of the limit, such as `cost`. */
  readonly option: string;

  constructor(
    { policy, option, problem }: Readonly<Record<'policy' | 'option' | 'problem', string>>,
    options?: { readonly cause?: unknown },
  ) {
    super(`The limit "${policy}" cannot be checked: its "${option}" ${problem}.`, options);
    this.policy = policy;
    this.option = option;
  }
}

/**
 * What stands in Redis under the key of a counter, or of its block, was not written by this module:
 * something else uses that key. Of the subject nothing was counted under any limit; others are not
 * affected.
 */
export class CounterUnreadableError extends BackplaneError {
  readonly code = 'E_THROTTLE_COUNTER_UNREADABLE';
  /** The client can do nothing about it: over HTTP 500. */
  override readonly kind = 'internal';

  constructor(
    readonly policy: string,
    readonly subject: string,
  ) {
    super(
      `The counter of "${subject}" under the limit "${policy}" cannot be read: something else ` +
        `wrote to its key in Redis. Reset it, and see to it that nothing else has that prefix.`,
    );
  }
}

/** A limit is used up, so the work was not begun. Over HTTP 429 with `Retry-After`. */
export class RateLimitedError extends BackplaneError {
  readonly code = 'E_RATE_LIMITED';
  override readonly kind = 'exhausted';
  /** The longest wait of the limits that are used up. */
  override readonly retryAfterMs: number;

  constructor(readonly outcome: ThrottleOutcome) {
    const denied = outcome.decisions.filter(({ allowed }) => !allowed);
    const retryAfterMs = Math.max(...denied.map((decision) => decision.retryAfterMs));
    const names = denied.map(({ policy }) => `"${policy}"`).join(', ');
    super(`Too many requests: ${names} is used up. Try again in ${formatDuration(retryAfterMs)}.`);
    this.retryAfterMs = retryAfterMs;
  }
}

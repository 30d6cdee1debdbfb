import type { ScriptArgument } from '../../../../common/redis/index.js';
import type { ThrottlePolicy } from '../../throttle.driver.js';

/** The policies of one call with the key of each counter. */
export type PolicyKeys = readonly { readonly key: string; readonly policy: ThrottlePolicy }[];

/** Reply of the throttle scripts, decoded; one entry for each policy. */
export interface ScriptOutcome {
  readonly allowed: boolean;
  readonly windows: readonly {
    readonly remaining: number;
    readonly resetMs: number;
    readonly retryAfterMs: number;
  }[];
}

const SCRIPT_STRATEGY = { 'fixed-window': 'fixed', 'sliding-window': 'sliding' } as const;
const FIELDS_PER_POLICY = 3;

export function policyArguments(policies: PolicyKeys): readonly ScriptArgument[] {
  return policies.flatMap(({ policy }) => [
    SCRIPT_STRATEGY[policy.strategy],
    policy.limit,
    policy.windowMs,
  ]);
}

export function decodeOutcome(reply: unknown): ScriptOutcome {
  if (!Array.isArray(reply)) throw new TypeError('a throttle script replied with no list');
  const [verdict, ...numbers] = reply as readonly unknown[];
  const windows = [];
  for (let at = 0; at < numbers.length; at += FIELDS_PER_POLICY) {
    windows.push({
      remaining: Number(numbers[at]),
      resetMs: Number(numbers[at + 1]),
      retryAfterMs: Number(numbers[at + 2]),
    });
  }
  return { allowed: verdict === 'allowed', windows };
}

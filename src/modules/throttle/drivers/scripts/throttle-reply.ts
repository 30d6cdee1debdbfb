import type { ScriptArgument } from '../../../../common/redis/index.js';
import type { ThrottlePolicy } from '../../throttle.driver.js';

/** One hit as the scripts take it: its policies, each with the key of its counter. */
export interface ScriptHit {
  readonly counters: readonly { readonly key: string; readonly policy: ThrottlePolicy }[];
  readonly cost: number;
}

/** Reply of the throttle scripts, decoded; one entry for each policy. */
export interface ScriptOutcome {
  readonly allowed: boolean;
  /** Server time in ms. */
  readonly at: number;
  readonly states: readonly {
    readonly remaining: number;
    readonly resetMs: number;
    readonly retryAfterMs: number;
  }[];
}

const SCRIPT_STRATEGY = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'sliding-window-counter': 'c',
  'token-bucket': 'b',
  gcra: 'b',
} as const;
const FIELDS_PER_POLICY = 3;

export function keysOf({ counters }: ScriptHit): readonly string[] {
  return counters.map(({ key }) => key);
}

export function hitArguments({ counters, cost }: ScriptHit): readonly ScriptArgument[] {
  const policies = counters.flatMap(({ policy: { strategy, limit, windowMs, burst } }) => [
    SCRIPT_STRATEGY[strategy],
    limit,
    windowMs,
    burst,
  ]);
  return [cost, ...policies];
}

export function decodeOutcome(reply: unknown): ScriptOutcome {
  if (!Array.isArray(reply)) throw new TypeError('a throttle script replied with no list');
  const [verdict, at, ...numbers] = reply.map(Number);
  const states = [];
  for (let from = 0; from < numbers.length; from += FIELDS_PER_POLICY) {
    const [remaining = 0, resetMs = 0, retryAfterMs = 0] = numbers.slice(from);
    states.push({ remaining, resetMs, retryAfterMs });
  }
  return { allowed: verdict === 1, at: at ?? 0, states };
}

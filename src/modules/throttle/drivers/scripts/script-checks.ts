import type { ScriptArgument } from '../../../../common/redis/index.js';
import type { ThrottleCheck } from '../../throttle.driver.js';

/** A check with its keys, as the throttle scripts take it. */
export interface ScriptCheck extends ThrottleCheck {
  readonly key: string;
  /** Of a policy that knows blocks or penalties. */
  readonly blockKey: string | undefined;
}

const SCRIPT_STRATEGY = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'sliding-window-counter': 'c',
  'token-bucket': 'b',
  gcra: 'b',
} as const;

export function keysOf(checks: readonly ScriptCheck[]): readonly string[] {
  return checks.flatMap(({ key, blockKey }) => (blockKey === undefined ? [key] : [key, blockKey]));
}

/** What `take_check` takes from ARGV. */
export function checkArguments({ policy, cost, blockKey }: ScriptCheck): readonly ScriptArgument[] {
  const { strategy, limit, windowMs, burst, penalty, block } = policy;
  const kind = SCRIPT_STRATEGY[strategy];
  if (blockKey === undefined) return [kind, limit, windowMs, burst, cost];
  const { durationMs = 0, longestMs = 0, clears = false } = block ?? {};
  const punishment = [penalty, durationMs, longestMs, clears ? 1 : 0];
  return [`${kind}+`, limit, windowMs, burst, cost, ...punishment];
}

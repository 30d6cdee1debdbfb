import { isBucket, type ThrottleStrategy } from './throttle.driver.js';

/** What limits of one counter have to have in common. */
export interface SharedLimit {
  readonly name: string;
  readonly strategy: ThrottleStrategy;
  readonly windowMs: number;
  /** Of a limit that depends on the request: not a number. */
  readonly limit: unknown;
  readonly burst?: number | undefined;
}

export interface Disagreement {
  readonly option: 'window' | 'limit' | 'burst';
  readonly problem: string;
}

/**
 * Limits of one name and strategy share a counter for each subject. They must have one window: the
 * shortest would decide what the longer ones remember. For a bucket, limit and burst as well: it
 * fills at one rate, up to one height.
 */
export function disagreement(
  limit: SharedLimit,
  others: readonly SharedLimit[],
): Disagreement | undefined {
  const { name, strategy } = limit;
  const shared = others.find((other) => other.name === name && other.strategy === strategy);
  const option = shared === undefined ? undefined : differenceOf(limit, shared);
  if (option === undefined) return undefined;
  const problem = `must be the same for all limits named "${name}": they share a counter`;
  return { option, problem };
}

function differenceOf(one: SharedLimit, other: SharedLimit): Disagreement['option'] | undefined {
  if (one.windowMs !== other.windowMs) return 'window';
  if (!isBucket(one)) return undefined;
  if (one.limit !== other.limit) return 'limit';
  return one.burst === other.burst ? undefined : 'burst';
}

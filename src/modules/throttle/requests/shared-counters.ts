import type { CountedAnswers } from './request-limit.options.js';
import { isBucket, type ThrottleStrategy } from '../throttle.driver.js';

/** What limits of one counter have to have in common. */
export interface SharedLimit {
  readonly name: string;
  readonly strategy: ThrottleStrategy;
  readonly windowMs: number;
  /** Of a limit that depends on the request: not a number. */
  readonly limit: unknown;
  readonly burst?: number | undefined;
  /** Of a limit of requests. */
  readonly count?: CountedAnswers;
  readonly shadow: boolean;
}

interface Disagreement {
  /** Of the limit that contradicts an earlier one. */
  readonly index: number;
  readonly option: 'window' | 'count' | 'shadow' | 'limit' | 'burst';
  readonly problem: string;
}

/**
 * Limits of one name and strategy share a counter for each subject. They must have one window: the
 * shortest would decide what the longer ones remember. They must count the same answers: of a
 * request they share one hit, which cannot be taken back for one and stay for another. They must
 * all be in shadow or none: a hit that one denies would count for the others. For a bucket, limit
 * and burst as well: it fills at one rate, up to one height. `undefined` where all agree.
 */
export function disagreement(limits: readonly SharedLimit[]): Disagreement | undefined {
  for (const [index, limit] of limits.entries()) {
    const { name, strategy } = limit;
    const shared = limits.find((other) => other.name === name && other.strategy === strategy);
    const option = shared === undefined ? undefined : differenceOf(limit, shared);
    if (option === undefined) continue;
    const problem = `must be the same for all limits named "${name}": they share a counter`;
    return { index, option, problem };
  }
  return undefined;
}

function differenceOf(one: SharedLimit, other: SharedLimit): Disagreement['option'] | undefined {
  if (one.windowMs !== other.windowMs) return 'window';
  if (one.count !== other.count) return 'count';
  if (one.shadow !== other.shadow) return 'shadow';
  if (!isBucket(one)) return undefined;
  if (one.limit !== other.limit) return 'limit';
  return one.burst === other.burst ? undefined : 'burst';
}

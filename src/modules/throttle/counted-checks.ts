import type { CountedCheck, ThrottleCheck, ThrottleOutcome } from './throttle.driver.js';

/** The checks of a hit that was counted, with what has to be known to take it back. */
export function countedOf<T extends ThrottleCheck>(
  checks: readonly T[],
  { decisions, backing }: ThrottleOutcome,
): readonly (T & CountedCheck)[] {
  return checks.map((check, index) => ({ ...check, at: decisions[index]?.at ?? 0, backing }));
}

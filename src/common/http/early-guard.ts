import type { CanActivate, ExecutionContext } from '@nestjs/common';

/** Names the method of an `EarlyGuard`. */
export const DECIDE_EARLY = Symbol('DECIDE_EARLY');

/** A guard that can be asked before the route is reached, and still decides once for each request. */
export interface EarlyGuard extends CanActivate {
  /**
   * May the request be answered now? Where it goes on to its route after all, `canActivate` gives
   * this very decision, or refusal, and counts nothing again. Never rejects: a failure is a refusal.
   */
  [DECIDE_EARLY](context: ExecutionContext): Promise<boolean>;
}

/** Can it be asked early? */
export function isEarlyGuard(guard: unknown): guard is EarlyGuard {
  return typeof guard === 'object' && guard !== null && DECIDE_EARLY in guard;
}

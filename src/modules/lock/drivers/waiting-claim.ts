import type { RedisUnavailableError } from '../../../common/redis/index.js';
import type { AcquireOutcome, LockClaim } from '../lock.driver.js';

/** A claim of this process that waits for a lock in Redis. */
export interface WaitingClaim {
  readonly claim: LockClaim;
  /** Place in the queue, as the server told it; '' as long as it did not. */
  arrival: string;
  /** Time of the next question, as `performance.now()` tells it: for the timer. */
  askAt: number;
  isAsking: boolean;
  /** Was any question answered? And if not, why not? */
  wasAnswered: boolean;
  failure: RedisUnavailableError | undefined;
  wasGranted: boolean;
  /** Its time is; it only stays for an answer. */
  isOver: boolean;
  settle(outcome: AcquireOutcome | Error): void;
}

export function newWaiting(claim: LockClaim, settle: WaitingClaim['settle']): WaitingClaim {
  const asked = { arrival: '', askAt: 0, isAsking: false, wasAnswered: false, failure: undefined };
  return { claim, settle, ...asked, wasGranted: false, isOver: false };
}

/** What a wait comes to when its time is over. */
export function endOf({ wasAnswered, failure }: WaitingClaim): AcquireOutcome | Error {
  if (!wasAnswered && failure !== undefined) return failure;
  return { outcome: 'busy', remainingMs: 0 };
}

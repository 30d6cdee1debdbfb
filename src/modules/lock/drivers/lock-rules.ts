import { checkKeyText } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type { WhichHold } from '../lock.driver.js';

/** How long a release is remembered at most: far above a retry. */
export const RELEASE_KNOWN_MS = 10_000;

/**
 * Who is given a lock that became free takes it up within this time, or it goes to the next; a
 * process that was not heard of for so long is taken for dead.
 */
export const CLAIM_MS = 1_000;

/** How often a process says that its waiters live: well within the claim time, also when it is late. */
export const SIGN_OF_LIFE_MS = 400;

/** A queue that nobody was heard of for so long is forgotten; above the claim time. */
export const QUEUE_LIFE_MS = 2_000;

/** Characters of a token that operators see. */
export const SHOWN_OF_TOKEN = 6;

/** Waiters of a lock that operators see at most. */
export const SHOWN_WAITERS = 100;

/** Is the hold with this token and fence the one that is meant? */
export function isMeant(which: WhichHold, token: string, fence: number | undefined): boolean {
  const { fence: wanted = fence, tokenPrefix = '' } = which;
  return wanted === fence && token.startsWith(tokenPrefix);
}

/** Refuses what no driver can keep. @throws InvalidOptionError */
export function checkHold(key: string, ttlMs: number): void {
  checkKeyText(key, 'key');
  parseDuration(ttlMs, 'ttl');
}

import { checkKeyText } from '../../../common/redis/index.js';
import { parseDuration } from '../../../common/time/index.js';
import type { LockClaim, WhichHold } from '../lock.driver.js';
import { LockMisuseError } from '../lock.errors.js';

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

/** A key is asked for as a semaphore of another size than it is. */
export function otherPermits(of: number): LockMisuseError {
  return new LockMisuseError('permits', `are ${of} of this key as long as anybody holds it`);
}

/** An operator has to say which hold of a semaphore is meant. */
export function severalFit(holds: number): LockMisuseError {
  return new LockMisuseError('key', `has ${holds} holds that fit: give the fence of one`);
}

/** The key is another kind of lock, or something else. */
export function otherKind(): LockMisuseError {
  return new LockMisuseError('key', 'is used by something else, or as another kind of lock');
}

/** Refuses permits where several locks are taken together. @throws LockMisuseError */
export function checkTogether(claims: readonly LockClaim[]): void {
  if (claims.some(({ permits }) => permits !== undefined)) {
    throw new LockMisuseError('permits', 'are taken of one key at a time');
  }
}

/** Refuses permits where a lock lies on several masters. @throws LockMisuseError */
export function checkWithoutPermits(claims: readonly LockClaim[]): void {
  if (claims.some(({ permits }) => permits !== undefined)) {
    throw new LockMisuseError('permits', 'are taken on one master, not on a quorum');
  }
}

/** Who waits for permits and is given them in one step; the next question of anybody goes on. */
export const ADMITTED_AT_ONCE = 128;

/** Holds of permits whose time is over that are dropped in one step. */
export const DROPPED_AT_ONCE = 256;

/** Holds of one semaphore that operators see at most. */
export const SHOWN_HOLDERS = 100;

/** Refuses what no driver can keep. @throws InvalidOptionError */
export function checkHold(key: string, ttlMs: number): void {
  checkKeyText(key, 'key');
  parseDuration(ttlMs, 'ttl');
}

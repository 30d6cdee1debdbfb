import type { LockGrant } from '../lock.driver.js';

/**
 * A grant of Redis, which stands for it until its time is over.
 *
 * @param askedAt monotonic time from before it was asked, where that is not the call itself
 */
export function grantOf(
  remainingMs: number,
  fence: number | undefined,
  askedAt?: number,
): LockGrant {
  return { remainingMs, fence, askedAt, stands };
}

function stands(): boolean {
  return true;
}

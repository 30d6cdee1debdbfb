import type { AcquireAllOutcome, LockClaim, LockDriver, LockGrant } from '../lock.driver.js';

/**
 * `acquireAll` where no single step can take all locks: one after the other, in the order given, so
 * that callers which all sort their keys never wait for each other; at the first that is busy, or
 * fails, those that were taken are given back.
 */
export async function acquireOneByOne(
  driver: Pick<LockDriver, 'acquire' | 'release'>,
  claims: readonly LockClaim[],
): Promise<AcquireAllOutcome> {
  const grants: LockGrant[] = [];
  try {
    for (const claim of claims) {
      const answer = await driver.acquire(claim);
      if (answer.outcome === 'busy') {
        await giveBack(driver, claims.slice(0, grants.length));
        return { outcome: 'busy', key: claim.key, remainingMs: answer.remainingMs };
      }
      grants.push(answer.grant);
    }
  } catch (error) {
    // Its own error says more; what is not released now is, once Redis answers, or ends by itself.
    await giveBack(driver, claims.slice(0, grants.length)).catch(() => undefined);
    throw error;
  }
  return { outcome: 'acquired', grants };
}

async function giveBack(
  driver: Pick<LockDriver, 'release'>,
  claims: readonly LockClaim[],
): Promise<void> {
  await Promise.all(claims.map((claim) => driver.release(claim)));
}

import { type HttpResponse, setHeader } from '../../../common/http/index.js';
import { toSeconds } from '../../../common/time/index.js';
import { decisive } from '../decisive.js';
import { isLease } from '../throttle.driver.js';
import type { Checked } from './checked.js';

/** Drafts that clients in use still read; they tell of one limit how it stands, not of every one. */
export type EarlierDraft = 'draft-6' | 'draft-7';

/**
 * The headers of draft-ietf-httpapi-ratelimit-headers-06 and -07: how the scarcest limit stands, and
 * the policies of all. A denied request is told the wait that `Retry-After` says.
 */
export function setEarlierDraft(
  response: HttpResponse,
  draft: EarlierDraft,
  checked: Checked,
): void {
  const { outcome } = checked;
  const decision = decisive(outcome);
  if (decision === undefined) return;
  const policies = policiesOf(checked);
  if (policies !== '') setHeader(response, 'RateLimit-Policy', policies);
  const { limit } = decision;
  const remaining = outcome.allowed ? decision.remaining : 0;
  const reset = toSeconds(outcome.allowed ? decision.resetMs : decision.retryAfterMs);
  if (draft === 'draft-7') {
    setHeader(response, 'RateLimit', `limit=${limit}, remaining=${remaining}, reset=${reset}`);
    return;
  }
  setHeader(response, 'RateLimit-Limit', limit);
  setHeader(response, 'RateLimit-Remaining', remaining);
  setHeader(response, 'RateLimit-Reset', reset);
}

/**
 * Those of hits in a window of whole seconds, which these drafts require. No two may have one quota: of
 * 100 a minute and 100 an hour, the second says all.
 */
function policiesOf({ outcome, checks }: Checked): string {
  const windows = new Map<number, number>();
  for (const [index, { policy }] of checks.entries()) {
    const quota = outcome.decisions[index]?.limit;
    if (quota === undefined || isLease(policy) || policy.windowMs % 1_000 !== 0) continue;
    windows.set(quota, Math.max(windows.get(quota) ?? 0, policy.windowMs / 1_000));
  }
  return Array.from(windows, ([quota, window]) => `${quota};w=${window}`).join(', ');
}

import { type HttpResponse, setHeader } from '../../common/http/index.js';
import { decisive, toSeconds } from './decisive.js';
import type { ThrottleDecision, ThrottleOutcome, ThrottlePolicy } from './throttle.driver.js';

/**
 * What a checked request is told about its limits:
 *
 * - `legacy`: `X-RateLimit-Limit`, `-Remaining`, `-Reset` and `-Backend`, of the scarcest limit
 * - `standard`: `RateLimit-Policy` and `RateLimit`, of every limit
 *   (draft-ietf-httpapi-ratelimit-headers-11)
 */
export type RateLimitHeaders = 'both' | 'legacy' | 'standard' | 'none';

/** What headers are made of. */
export interface Checked {
  readonly outcome: ThrottleOutcome;
  /** In the order of the decisions. */
  readonly policies: readonly ThrottlePolicy[];
}

/**
 * Times are in whole seconds, never too early. A denied request is told `Retry-After` in any case.
 */
export function setRateLimitHeaders(
  response: HttpResponse,
  checked: Checked,
  headers: RateLimitHeaders,
): void {
  const decision = decisive(checked.outcome);
  if (decision === undefined) return;
  if (headers === 'both' || headers === 'legacy') setLegacy(response, checked.outcome, decision);
  if (headers === 'both' || headers === 'standard') setStandard(response, checked);
  if (checked.outcome.allowed) return;
  setHeader(response, 'Retry-After', toSeconds(decision.retryAfterMs));
}

function setLegacy(
  response: HttpResponse,
  { allowed, backing }: ThrottleOutcome,
  { limit, remaining, resetMs }: ThrottleDecision,
): void {
  setHeader(response, 'X-RateLimit-Limit', limit);
  setHeader(response, 'X-RateLimit-Remaining', allowed ? remaining : 0);
  setHeader(response, 'X-RateLimit-Reset', toSeconds(resetMs));
  setHeader(response, 'X-RateLimit-Backend', backing);
}

function setStandard(response: HttpResponse, { outcome, policies }: Checked): void {
  const items = policies.map(itemsOf);
  const limits = outcome.decisions.map((decision, at) => limitItem(items[at]?.name, decision));
  setHeader(response, 'RateLimit-Policy', items.map(({ policy }) => policy).join(', '));
  setHeader(response, 'RateLimit', limits.join(', '));
}

/** What every request of a policy is told alike; policies live as long as their routes. */
interface Items {
  readonly name: string;
  readonly policy: string;
}

const known = new WeakMap<ThrottlePolicy, Items>();

function itemsOf(policy: ThrottlePolicy): Items {
  const existing = known.get(policy);
  if (existing !== undefined) return existing;
  const name = structuredString(policy.name);
  const created = { name, policy: policyItem(name, policy) };
  known.set(policy, created);
  return created;
}

/** The window in whole seconds, which the draft wants; left out where it is no such number. */
function policyItem(name: string, { limit, windowMs }: ThrottlePolicy): string {
  const window = windowMs % 1_000 === 0 ? `;w=${windowMs / 1_000}` : '';
  return `${name};q=${limit}${window}`;
}

/** `t`: when more will be there; left out while nothing is used. */
function limitItem(name: string | undefined, decision: ThrottleDecision): string {
  const { policy, remaining, resetMs, retryAfterMs } = decision;
  const waitMs = Math.max(resetMs, retryAfterMs);
  const reset = waitMs > 0 ? `;t=${toSeconds(waitMs)}` : '';
  return `${name ?? structuredString(policy)};r=${remaining}${reset}`;
}

/** A String of RFC 9651, which holds printable ASCII only: other characters are percent-encoded. */
function structuredString(text: string): string {
  const ascii = text.replace(/[^\u0020-\u007e]+/gu, (part) =>
    encodeURIComponent(toWellFormed(part)),
  );
  return `"${ascii.replace(/["\\]/g, '\\$&')}"`;
}

/** A lone surrogate has no encoding. */
function toWellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

import { createHmac } from 'node:crypto';
import { type HttpResponse, setHeader } from '../../../common/http/index.js';
import { toSeconds } from '../../../common/time/index.js';
import { decisive } from '../decisive.js';
import type { Checked } from './checked.js';
import { type EarlierDraft, setEarlierDraft } from './earlier-drafts.js';
import {
  isLease,
  type ThrottleCheck,
  type ThrottleDecision,
  type ThrottleOutcome,
} from '../throttle.driver.js';

/**
 * What a checked request is told about its limits:
 *
 * - `legacy`: `X-RateLimit-Limit`, `-Remaining`, `-Reset` and `-Backend`, of the scarcest limit
 * - `standard`: those of the draft of a standard; see `StandardHeaders`
 */
export type RateLimitHeaders = 'both' | 'legacy' | 'standard' | 'none';

/**
 * A draft of draft-ietf-httpapi-ratelimit-headers, by its number:
 *
 * - `draft-8`, which 11 has not changed: `RateLimit-Policy` and `RateLimit`, of every limit by name
 * - `draft-7`: `RateLimit: limit=…, remaining=…, reset=…` of the scarcest limit, and
 *   `RateLimit-Policy: 100;w=60` of every limit
 * - `draft-6`: the same with `RateLimit-Limit`, `-Remaining` and `-Reset`
 */
export type StandardHeaders = EarlierDraft | 'draft-8';

export interface HeaderOptions {
  readonly headers: RateLimitHeaders;
  /** @default 'draft-8' */
  readonly standardHeaders?: StandardHeaders | undefined;
  readonly partitionKeySecret?: string | undefined;
}

interface Items {
  readonly name: string;
  readonly window: string;
}

/** Bytes of a partition key: enough to tell clients apart. */
const PARTITION_KEY_BYTES = 12;

/** Writes what clients are told of their limits. */
export class RateLimitHeaderWriter {
  readonly #options: HeaderOptions;
  /** What every request of a policy is told alike; there are as many as limits in the program. */
  readonly #items = new WeakMap<ThrottleCheck['policy'], Items>();

  constructor(options: HeaderOptions) {
    this.#options = options;
  }

  /**
   * Times are in whole seconds, never too early. A denied request is told `Retry-After` in any
   * case.
   */
  write(response: HttpResponse, checked: Checked): void {
    const { headers } = this.#options;
    const decision = decisive(checked.outcome);
    if (decision === undefined) return;
    if (headers === 'both' || headers === 'legacy') setLegacy(response, checked.outcome, decision);
    if (headers === 'both' || headers === 'standard') this.#setStandard(response, checked);
    if (checked.outcome.allowed) return;
    setHeader(response, 'Retry-After', toSeconds(decision.retryAfterMs));
  }

  #setStandard(response: HttpResponse, checked: Checked): void {
    const { standardHeaders: draft = 'draft-8' } = this.#options;
    if (draft === 'draft-8') this.#setEveryLimit(response, checked);
    else setEarlierDraft(response, draft, checked);
  }

  #setEveryLimit(response: HttpResponse, { outcome, checks }: Checked): void {
    const policies: string[] = [];
    const limits: string[] = [];
    for (const [index, check] of checks.entries()) {
      const decision = outcome.decisions[index];
      if (decision === undefined) continue;
      const { name, window } = this.#itemsOf(check.policy);
      const key = this.#partitionKey(check.subject);
      policies.push(`${name};q=${decision.limit}${window}${key}`);
      limits.push(`${name};r=${decision.remaining}${waitOf(decision)}${key}`);
    }
    setHeader(response, 'RateLimit-Policy', policies.join(', '));
    setHeader(response, 'RateLimit', limits.join(', '));
  }

  #itemsOf(policy: ThrottleCheck['policy']): Items {
    const known = this.#items.get(policy);
    if (known !== undefined) return known;
    const items = { name: structuredString(policy.name), window: windowOf(policy) };
    this.#items.set(policy, items);
    return items;
  }

  /** Tells counters apart without telling whose they are: a subject may be an IP address. */
  #partitionKey(subject: string): string {
    const secret = this.#options.partitionKeySecret;
    if (secret === undefined) return '';
    const digest = createHmac('sha256', secret).update(subject).digest();
    return `;pk=:${digest.subarray(0, PARTITION_KEY_BYTES).toString('base64')}:`;
  }
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

/**
 * In whole seconds, which the draft wants; left out where it is no such number. What counts requests
 * at the same time says that instead (quota unit): its window is no quota's.
 */
function windowOf(policy: ThrottleCheck['policy']): string {
  if (isLease(policy)) return ';qu="concurrent-requests"';
  const { windowMs } = policy;
  return windowMs % 1_000 === 0 ? `;w=${windowMs / 1_000}` : '';
}

/** `t`: when more will be there; left out while nothing is used. */
function waitOf({ resetMs, retryAfterMs }: ThrottleDecision): string {
  const waitMs = Math.max(resetMs, retryAfterMs);
  return waitMs > 0 ? `;t=${toSeconds(waitMs)}` : '';
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

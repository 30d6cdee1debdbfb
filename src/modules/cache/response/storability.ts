import { type Directives, parseCacheControl, parseHttpDate, secondsOf } from './cache-control.js';
import { ageMsOf, fieldOf, handlerVary, type ResponseState } from './handler-headers.js';

/** May an answer stand for later ones, and for how long? */
export type Storability =
  | {
      readonly isStorable: true;
      /** Of its own; `undefined`: as the route says. */
      readonly ttlMs: number | undefined;
      /** It must not be served once its time is over (RFC 9111, 4.2.4). */
      readonly mustRevalidate: boolean;
    }
  | { readonly isStorable: false; readonly why: string };

/** What the route says of its answers. */
export interface StorageRules {
  readonly statuses: readonly number[];
  /** Names of request headers by which its entries are told apart, in lower case. */
  readonly varied: readonly string[] | 'any';
  /** What `@Header('Vary', …)` of the route names, in lower case. */
  readonly staticVary: readonly string[];
}

/** An answer, when the handler was done. */
export interface HandlerOutcome {
  readonly status: number;
  readonly before: ResponseState;
  readonly after: ResponseState;
  /** The time on the machine's clock, in ms since the epoch. */
  readonly now: number;
}

/**
 * By what the answer says of itself (RFC 9111, 3). As a cache that cannot revalidate, this one does
 * not keep what would have to be revalidated every time.
 */
export function storabilityOf(rules: StorageRules, outcome: HandlerOutcome): Storability {
  const { status, after, now } = outcome;
  if (!rules.statuses.includes(status)) return refusal(`its status is ${status}`);
  if (after.headers['set-cookie'] !== undefined) return refusal('it sets a cookie');
  const uncovered = uncoveredVary(rules, outcome);
  if (uncovered !== undefined) return refusal(`it varies by "${uncovered}", unlike its key`);
  const directives = parseCacheControl(fieldOf(after, 'cache-control'));
  const ban = ['no-store', 'private', 'no-cache'].find((name) => directives.has(name));
  if (ban !== undefined) return refusal(`its Cache-Control says ${ban}`);
  const ttlMs = lifetimeMs(directives, after, now);
  if (ttlMs !== undefined && ttlMs <= 0) return refusal('its time is over already');
  const mustRevalidate = NEVER_STALE.some((name) => directives.has(name));
  return { isStorable: true, ttlMs, mustRevalidate };
}

const NEVER_STALE = ['must-revalidate', 'proxy-revalidate', 's-maxage'];

function uncoveredVary(
  { varied, staticVary }: StorageRules,
  { before, after }: HandlerOutcome,
): string | undefined {
  const named = handlerVary(before, after, staticVary);
  if (named.includes('*')) return '*';
  return varied === 'any' ? undefined : named.find((name) => !varied.includes(name));
}

/** RFC 9111, 4.2.1. */
function lifetimeMs(directives: Directives, after: ResponseState, now: number): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  // Part of its time was over when the handler got it.
  if (seconds !== undefined) return seconds * 1_000 - ageMsOf(after);
  const expires = fieldOf(after, 'expires');
  // What is no date, such as 0, is in the past (RFC 9111, 5.3).
  return expires === undefined ? undefined : (parseHttpDate(expires) ?? 0) - now;
}

function refusal(why: string): Storability {
  return { isStorable: false, why };
}

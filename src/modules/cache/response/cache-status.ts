import { type HttpResponse, setHeader } from '../../../common/http/index.js';

/** What the header `X-Cache` says. */
export type CacheState = 'HIT' | 'MISS' | 'STALE' | 'BYPASS';

/** How a request fared, for `X-Cache` and for `Cache-Status`. */
export interface CacheOutcome {
  readonly state: CacheState;
  /** The parameters of `Cache-Status` (RFC 9211, 2). */
  readonly status: string;
  /** Since the answer was stored; for one that was not just made. */
  readonly ageMs?: number;
}

/** Of requests whose answer the cache did not hold. */
export const OUTCOME = {
  missed: { state: 'MISS', status: 'fwd=miss' },
  stored: { state: 'MISS', status: 'fwd=miss; stored' },
  /** Answered with what another request's handler came to. */
  collapsed: { state: 'HIT', status: 'fwd=miss; collapsed' },
  /** The client would not have what is stored. */
  reloaded: { state: 'MISS', status: 'fwd=request; stored' },
  refused: { state: 'BYPASS', status: 'fwd=request' },
  bypassed: { state: 'BYPASS', status: 'fwd=bypass' },
  unfitMethod: { state: 'BYPASS', status: 'fwd=method' },
  onlyIfCached: { state: 'MISS', status: 'detail=only-if-cached' },
} as const satisfies Readonly<Record<string, CacheOutcome>>;

/** Of an answer that was found. */
export interface Found {
  readonly ageMs: number;
  readonly freshForMs: number;
  readonly value: {
    /** How old it was when it was stored. */
    readonly ageMs?: number;
  };
}

/** Of a fresh answer that was stored. */
export function hitOutcome({ ageMs, freshForMs, value }: Found): CacheOutcome {
  const status = `hit; ttl=${Math.floor(freshForMs / 1_000)}`;
  return { state: 'HIT', status, ageMs: ageMs + (value.ageMs ?? 0) };
}

/**
 * Of an answer whose time is over. `isForwarded`: the handler was asked first, and failed.
 */
export function staleOutcome(found: Found, isForwarded: boolean): CacheOutcome {
  const ttl = Math.min(0, Math.floor(found.freshForMs / 1_000));
  const status = `${isForwarded ? 'fwd=stale' : 'hit'}; ttl=${ttl}`;
  return { state: 'STALE', status, ageMs: found.ageMs + (found.value.ageMs ?? 0) };
}

/** Tells the client. The name is that of this library, whoever else caches on the way. */
export function setOutcome(response: HttpResponse, { state, status, ageMs }: CacheOutcome): void {
  setHeader(response, 'X-Cache', state);
  setHeader(response, 'Cache-Status', `backplane; ${status}`);
  if (ageMs !== undefined) setHeader(response, 'Age', Math.floor(ageMs / 1_000));
}

/** The same as fields, of an answer that was stored. */
export function outcomeFields({ state, status, ageMs = 0 }: CacheOutcome) {
  const age = String(Math.floor(ageMs / 1_000));
  return { 'x-cache': state, 'cache-status': `backplane; ${status}`, age };
}

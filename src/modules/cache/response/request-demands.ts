import { headerValue, type HttpRequest } from '../../../common/http/index.js';
import { type Directives, parseCacheControl, secondsOf } from './cache-control.js';

/** What a client says of the stored answers it takes (RFC 9111, 5.2.1). */
export interface RequestDemands {
  /** `no-store`: the request does not meet the cache at all. */
  readonly isPrivate: boolean;
  /** `only-if-cached`: no answer at all, rather than one that has to be made. */
  readonly isOnlyIfCached: boolean;
  /** Longest time since an answer was stored; 0 for `no-cache`. */
  readonly maxAgeMs: number;
  /** Shortest time that it still has to be fresh. */
  readonly minFreshMs: number;
}

/** Takes whatever the cache serves. */
export const NO_DEMANDS: RequestDemands = {
  isPrivate: false,
  isOnlyIfCached: false,
  maxAgeMs: Infinity,
  minFreshMs: 0,
};

/** `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111, 5.4). */
export function demandsOf(request: HttpRequest): RequestDemands {
  const field = headerValue(request, 'cache-control') ?? headerValue(request, 'pragma');
  if (field === undefined) return NO_DEMANDS;
  const directives = parseCacheControl(field);
  return {
    isPrivate: directives.has('no-store'),
    isOnlyIfCached: directives.has('only-if-cached'),
    maxAgeMs: maxAgeMs(directives),
    minFreshMs: (secondsOf(directives, 'min-fresh') ?? 0) * 1_000,
  };
}

/** Would an answer of this age do? */
export function isAcceptable(
  demands: RequestDemands,
  answer: { readonly ageMs: number; readonly freshForMs: number },
): boolean {
  if (demands === NO_DEMANDS) return true;
  const { maxAgeMs: longest, minFreshMs } = demands;
  if (longest === 0 || answer.ageMs > longest) return false;
  return minFreshMs === 0 || answer.freshForMs >= minFreshMs;
}

function maxAgeMs(directives: Directives): number {
  if (directives.has('no-cache')) return 0;
  const seconds = secondsOf(directives, 'max-age');
  return seconds === undefined ? Infinity : seconds * 1_000;
}

import { createHash } from 'node:crypto';
import { MAX_LIMIT, MAX_SLIDING_LIMIT, THROTTLER_PREFIX } from '../rate-limit.options.js';
import type { ThrottleFailurePolicy, ThrottlePolicy } from '../throttle.driver.js';

/** What `@nestjs/throttler` says of a limit; times in milliseconds. */
export interface ThrottlerNumbers {
  readonly limit: number;
  readonly ttl: number;
  readonly blockDuration: number;
}

/** Ten years, as for every duration: beyond it milliseconds lose precision in Redis. */
const LONGEST_MS = 3_650 * 86_400_000;

/** Trackers and keys of the application's own may be of any length; ours are not. */
const LONGEST_SUBJECT = 256;

/**
 * Decides as the storage of `@nestjs/throttler` 6.7 does: a hit counts for `ttl` from when it came,
 * the one over the limit blocks for `blockDuration`, and after that all is free again. Without a
 * `blockDuration` a denied hit is free. Only beyond 100 000 a window is fixed: a list of so many
 * hits would be too large.
 *
 * @param parts of the name: that of the throttler, and whatever else tells its counters apart
 */
export function throttlerPolicy(
  parts: readonly string[],
  { limit, ttl, blockDuration }: ThrottlerNumbers,
  onRedisDown: ThrottleFailurePolicy,
): ThrottlePolicy {
  // A hit that lasts for no time is over before the next one comes.
  const most = ttl > 0 ? Math.min(Math.floor(limit), MAX_LIMIT) : MAX_LIMIT;
  const durationMs = wholeMs(blockDuration);
  return {
    name: THROTTLER_PREFIX + parts.map(withoutBlanks).join(' '),
    strategy: most > MAX_SLIDING_LIMIT ? 'fixed-window' : 'sliding-window',
    limit: most,
    windowMs: Math.max(1, wholeMs(ttl)),
    burst: most,
    penalty: 0,
    block: durationMs > 0 ? { durationMs, longestMs: durationMs, clears: true } : undefined,
    onRedisDown,
    shadow: false,
  };
}

/** A tracker or key as the subject of a counter; whatever its type promises. */
export function throttlerSubject(given: unknown): string {
  const text = String(given);
  const fits = text.length > 0 && text.length <= LONGEST_SUBJECT;
  return fits ? text : createHash('sha256').update(text).digest('hex');
}

/** Does a limit so low let nobody pass? */
export function isShut({ limit }: ThrottlerNumbers): boolean {
  return limit < 1;
}

/** Blanks separate the parts of a name, and so must not be in them. */
function withoutBlanks(part: string): string {
  return part.replace(/[\s%]/g, encodeURIComponent);
}

function wholeMs(ms: number): number {
  return Math.max(0, Math.min(Math.ceil(ms), LONGEST_MS));
}

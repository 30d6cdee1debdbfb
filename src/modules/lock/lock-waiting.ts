import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../common/time/index.js';

/** What one try for a lock came to. */
export type Attempt<T> =
  | { readonly lock: T }
  /** It is held, for so long unless it is extended or released; 0 where nobody knows. */
  | { readonly busyMs: number };

export interface Waiting {
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
}

/** Shortest and longest pause between two tries. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

/**
 * Tries until the lock is granted, pausing in between: exponential back-off, capped, with jitter, so
 * that waiters do not come in step (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * Nobody is served in order. The last try is made when the time is over.
 *
 * Resolves to `undefined` when it was still busy then.
 *
 * @param busyMs what the try before this said
 * @throws the reason of the signal
 */
export async function pollUntilGranted<T>(
  attempt: () => Promise<Attempt<T>>,
  busyMs: number,
  { waitMs, signal, clock }: Waiting,
): Promise<T | undefined> {
  const endsAt = clock.monotonic() + waitMs;
  let pauseMs = FIRST_PAUSE_MS;
  let busy = busyMs;
  for (;;) {
    const leftMs = endsAt - clock.monotonic();
    if (leftMs <= 0) return undefined;
    const untilFreeMs = busy > 0 ? busy + 1 : Infinity;
    await pause(Math.min(jittered(pauseMs), untilFreeMs, leftMs), signal);
    const tried = await attempt();
    if ('lock' in tried) return tried.lock;
    busy = tried.busyMs;
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

/** Between half and all of it. */
function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    // A timer rejects with an error of its own; the caller is promised the reason it gave.
    signal?.throwIfAborted();
    throw error;
  }
}

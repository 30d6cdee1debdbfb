import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../common/time/index.js';

/** What one try for a lock came to. */
export type Attempt<T> =
  | { readonly lock: T }
  /** It is held, for so long unless it is extended or released; 0 where nobody knows. */
  | { readonly busyMs: number }
  /** It failed, which says nothing about the next one. */
  | { readonly failure: Error };

/** What all tries came to. */
export type Waited<T> =
  | { readonly lock: T }
  | {
      /** Did any of them find it held? */
      readonly wasBusy: boolean;
      /** Of the last one. */
      readonly failure: Error | undefined;
    };

export interface Waiting {
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
}

/** Shortest and longest pause between two tries. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

/**
 * Tries until the lock is granted. A try is told for how long it may wait itself; one that came back
 * before is followed by a pause: exponential back-off, capped, with jitter, so that waiters do not
 * come in step (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). The last
 * try is made when the time is over.
 *
 * @throws the reason of the signal, and what a try throws
 */
export async function tryUntilGranted<T>(
  attempt: (waitMs: number) => Promise<Attempt<T>>,
  { waitMs, signal, clock }: Waiting,
): Promise<Waited<T>> {
  const endsAt = clock.monotonic() + waitMs;
  let pauseMs = FIRST_PAUSE_MS;
  let tried = await attempt(waitMs);
  let wasBusy = false;
  for (;;) {
    if ('lock' in tried) return tried;
    wasBusy ||= 'busyMs' in tried;
    const leftMs = endsAt - clock.monotonic();
    if (leftMs <= 0) return { wasBusy, failure: 'failure' in tried ? tried.failure : undefined };
    const busyMs = 'busyMs' in tried ? tried.busyMs : 0;
    const untilFreeMs = busyMs > 0 ? busyMs + 1 : Infinity;
    await pause(Math.min(jittered(pauseMs), untilFreeMs, leftMs), signal);
    tried = await attempt(Math.ceil(Math.max(0, endsAt - clock.monotonic())));
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

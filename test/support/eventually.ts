import { setTimeout as delay } from 'node:timers/promises';

/** How long `eventually` goes on trying, and how often. */
export interface EventuallyOptions {
  /** Time after which it gives up; only what fails takes as long. @default 10000 */
  readonly timeoutMs?: number;
  /** Pause between two attempts. @default 20 */
  readonly intervalMs?: number;
}

/**
 * Repeats `attempt` until it neither throws nor answers `false`, and resolves with its answer.
 *
 * Replaces sleeps: a test takes as long as the system needs and not longer. An attempt that throws
 * is an attempt that failed, so `expect(…)` may be used inside. An answer of `undefined` counts as
 * success for the same reason.
 *
 * @throws Error after `timeoutMs`, even when an attempt hangs; its `cause` is the last failure
 * @example await eventually(() => subscriber.received.length === 3);
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const { timeoutMs = 10_000, intervalMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  let failure: unknown = new Error('no attempt came to an end');
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0) break;
    try {
      const answer = await within(left, attempt);
      if (answer !== false) return answer as Exclude<T, false>;
      failure = new Error('the last attempt answered false');
    } catch (error) {
      // A hung attempt says less than the failure before it.
      if (!(error instanceof AttemptHungError)) failure = error;
    }
    await delay(intervalMs);
  }
  throw new Error(`still not so after ${timeoutMs} ms: ${messageOf(failure)}`, { cause: failure });
}

class AttemptHungError extends Error {}

async function within<T>(ms: number, attempt: () => T | Promise<T>): Promise<T> {
  const timer = new AbortController();
  const hung = delay(ms, undefined, { signal: timer.signal }).then(() => {
    throw new AttemptHungError();
  });
  // Aborting the timer rejects `hung` after the race is over; that rejection is nobody's news.
  hung.catch(() => undefined);
  try {
    return await Promise.race([attempt(), hung]);
  } finally {
    timer.abort();
  }
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

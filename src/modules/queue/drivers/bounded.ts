import { withDeadline } from '../../../common/redis/index.js';

/**
 * Resolves to whether `work` settled within the time; never rejects. What settled while the event
 * loop was blocked past it, as an embedded database does, is in time.
 */
export function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return withDeadline(settled, ms).catch(() => false);
}

/** Resolves after the time, or as soon as `until` settles; leaves no timer behind. */
export function pause(ms: number, until?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    until?.then(stop, stop);
  });
}

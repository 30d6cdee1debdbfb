/** Thrown inside the gate when a command got no answer in time. */
export class DeadlineExceeded extends Error {}

/**
 * Resolves as `work` does, or rejects with `DeadlineExceeded` after `limitMs`.
 *
 * When the timer fires, one more turn of the event loop is granted before giving up: after a block
 * of the loop, timers run before the sockets are read, and the answer may be waiting there.
 *
 * @param settled called when `work` is over, also where nobody waits for it any more
 */
export function withDeadline<T>(
  work: Promise<T>,
  limitMs: number,
  settled?: () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => reject(new DeadlineExceeded(`no answer within ${limitMs} ms`)));
    }, limitMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        settled?.();
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        settled?.();
        reject(error);
      },
    );
  });
}

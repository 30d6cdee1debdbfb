/** Thrown inside the gate when a command got no answer in time. */
export class DeadlineExceeded extends Error {}

/**
 * Resolves as `work` does, or rejects with `DeadlineExceeded` after `limitMs`.
 *
 * When the timer fires, one more turn of the event loop is granted before giving up: after a block
 * of the loop, timers run before the sockets are read, and the answer may be waiting there.
 */
export function withDeadline<T>(work: Promise<T>, limitMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => reject(new DeadlineExceeded(`no answer within ${limitMs} ms`)));
    }, limitMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

import { afterMs } from './timer.js';

/**
 * What the work comes to, unless it takes longer; it goes on then, and what becomes of it is its
 * own affair. Without a time it is waited for.
 */
export async function unlessLater<T>(
  work: Promise<T>,
  ms: number | undefined,
): Promise<T | undefined> {
  if (ms === undefined) return work;
  let stop: () => void = () => undefined;
  const late = new Promise<undefined>((resolve) => {
    stop = afterMs(ms, () => resolve(undefined));
  });
  // Nobody may be there to hear of it any more.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop();
  }
}

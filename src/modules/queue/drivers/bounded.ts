/** Resolves to whether `work` settled within the time; never rejects. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, pause(ms, settled).then(() => false)]);
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

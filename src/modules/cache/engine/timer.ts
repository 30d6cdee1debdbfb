/** The longest time that a timer of Node takes; it takes more for none at all. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls `run` once so much time has passed. Returns the function that stops it. */
export function afterMs(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, Math.min(ms, LONGEST_MS));
  return () => clearTimeout(timer);
}

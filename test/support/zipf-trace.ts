/** A stream of keys as caches see them; the same for the same seed. */
export interface ZipfTrace {
  readonly length: number;
  readonly keys: number;
  /** Exponent: 0 is uniform; web traffic is between 0.6 and 1. */
  readonly skew: number;
  /** Every so many look-ups, a scan of keys that never come again. */
  readonly scanEvery: number;
  readonly scanLength: number;
  readonly seed: number;
}

/** Zipf-distributed keys, interrupted by scans. */
export function* zipfTrace(trace: ZipfTrace): Generator<string> {
  const random = mulberry32(trace.seed);
  const sums = cumulated(trace.keys, trace.skew);
  const total = sums.at(-1) ?? 0;
  let scanned = 0;
  for (let at = 1; at <= trace.length; at += 1) {
    yield `key:${indexIn(sums, random() * total)}`;
    if (at % trace.scanEvery > 0) continue;
    for (let left = trace.scanLength; left > 0; left -= 1) yield `scan:${(scanned += 1)}`;
  }
}

/** Numbers from 0 to 1, the same for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function cumulated(keys: number, skew: number): readonly number[] {
  let sum = 0;
  return Array.from({ length: keys }, (_none, rank) => (sum += (rank + 1) ** -skew));
}

function indexIn(sums: readonly number[], point: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) < point) low = middle + 1;
    else high = middle;
  }
  return low;
}

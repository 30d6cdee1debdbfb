/** Zipf-distributed keys, interrupted by scans of keys that never come again; repeatable by seed. */
export function* zipfTrace({ length, keys, skew, scanEvery, scanLength, seed }) {
  const random = mulberry32(seed);
  const sums = cumulated(keys, skew);
  const total = sums.at(-1);
  let scanned = 0;
  for (let at = 1; at <= length; at += 1) {
    yield `key:${indexIn(sums, random() * total)}`;
    if (at % scanEvery > 0) continue;
    for (let left = scanLength; left > 0; left -= 1) yield `scan:${(scanned += 1)}`;
  }
}

function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function cumulated(keys, skew) {
  let sum = 0;
  return Array.from({ length: keys }, (_none, rank) => (sum += (rank + 1) ** -skew));
}

function indexIn(sums, point) {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] < point) low = middle + 1;
    else high = middle;
  }
  return low;
}

import { LfuCopyStore } from '../dist/modules/cache/engine/lfu-copy-store.js';
import { LruCopyStore } from '../dist/modules/cache/engine/lru-copy-store.js';
import { zipfTrace } from './lib/zipf-trace.mjs';

/*
 * Hit ratio of the copies in the process by the option `eviction`, on a trace that anybody can make
 * again: `npm run build && node bench/hit-ratio.mjs`. Nothing is timed.
 */

const TRACE = {
  length: 1_000_000,
  keys: 100_000,
  skew: 0.9,
  scanEvery: 50_000,
  scanLength: 10_000,
  seed: 42,
};
const ROOMS = [500, 1_000, 5_000, 10_000];
const STORES = { lru: LruCopyStore, lfu: LfuCopyStore };

function hitRatio(Store, maxEntries, keys) {
  const bounds = { maxEntries, maxBytes: 2 ** 40, sizeOf: () => 1, onEvicted: () => undefined };
  const store = new Store(bounds);
  let hits = 0;
  for (const key of keys) {
    if (store.get(key) === undefined) store.set(key, {});
    else hits += 1;
  }
  return hits / keys.length;
}

const keys = [...zipfTrace(TRACE)];
console.log(
  `${keys.length} look-ups: Zipf ${TRACE.skew} over ${TRACE.keys} keys, seed ${TRACE.seed},`,
);
console.log(`and a scan of ${TRACE.scanLength} keys after every ${TRACE.scanEvery} look-ups`);
console.table(
  ROOMS.map((maxEntries) => {
    const ratios = Object.entries(STORES).map(([name, Store]) => [
      name,
      `${(100 * hitRatio(Store, maxEntries, keys)).toFixed(1)}%`,
    ]);
    return { maxEntries, ...Object.fromEntries(ratios) };
  }),
);

import type { RecordedEntry } from './scripts/pubsub-recent.lua.js';

/**
 * Newest first: by ms, then by sequence (https://redis.io/docs/latest/develop/data-types/streams).
 */
export function byPosition(a: RecordedEntry, b: RecordedEntry): number {
  const [msA, sequenceA] = partsOf(a.position);
  const [msB, sequenceB] = partsOf(b.position);
  return msB - msA || sequenceB - sequenceA;
}

function partsOf(position: string): readonly [ms: number, sequence: number] {
  const [ms, sequence] = position.split('-');
  return [Number(ms), Number(sequence)];
}

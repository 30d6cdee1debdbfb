import type { TagClocks } from '../tag-clocks.js';

type Mark = Buffer | null;

/** What a script found under keys. */
export interface StoredValues {
  readonly nowMs: number;
  /** Of everything; `undefined` where the clocks are kept elsewhere. */
  readonly clocks: TagClocks | undefined;
  /** In the order of the keys. */
  readonly found: readonly FoundValue[];
}

export interface FoundValue {
  /** An error: what the server refuses to read this one with. */
  readonly value: Buffer | Error | undefined;
  /** Of its slots alone: when they were purged, hard and soft in turn. */
  readonly marks: readonly Mark[];
}

/** Decodes `{ now, everything, value, marks, value, marks, … }`. */
export function decodeValues(reply: unknown): StoredValues {
  if (!Array.isArray(reply)) throw new TypeError('a cache script replied with no list');
  const [now, everything]: readonly (number | readonly Mark[] | null)[] = reply;
  const found: FoundValue[] = [];
  for (let at = 2; at < reply.length; at += 2) {
    found.push({ value: reply[at] ?? undefined, marks: reply[at + 1] ?? [] });
  }
  return {
    nowMs: Number(now),
    clocks: Array.isArray(everything) ? readClocks(everything) : undefined,
    found,
  };
}

/** Reads `id`, and when everything was purged, hard and soft. */
export function readClocks([id, hard, soft]: readonly (Mark | undefined)[]): TagClocks {
  return { id: id?.toString('latin1') ?? '', hard: epochOf(hard), soft: epochOf(soft) };
}

/** The clocks with those of more slots, which are given hard and soft in turn. */
export function withMarks(clocks: TagClocks, marks: readonly Mark[]): TagClocks {
  if (marks.length === 0) return clocks;
  let { hard, soft } = clocks;
  for (let at = 0; at < marks.length; at += 2) {
    hard = Math.max(hard, epochOf(marks[at]));
    soft = Math.max(soft, epochOf(marks[at + 1]));
  }
  return { id: clocks.id, hard, soft };
}

function epochOf(mark: Mark | undefined): number {
  return mark ? Number(mark.toString('latin1')) : 0;
}

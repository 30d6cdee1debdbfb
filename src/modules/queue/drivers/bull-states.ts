import type { JobRange, JobState } from '../queue.driver.js';

/** BullMQ's states for ours, in the order in which jobs run. */
export const BULL_STATES = {
  waiting: ['waiting', 'prioritized'],
  active: ['active'],
  delayed: ['delayed'],
  completed: ['completed'],
  failed: ['failed'],
} as const satisfies Record<JobState, readonly string[]>;

/** A part of one of BullMQ's lists, both ends included. */
interface ListPart<Name> {
  readonly name: Name;
  readonly from: number;
  readonly to: number;
}

interface Lists {
  readonly counts: Readonly<Record<string, number>>;
  readonly newestFirst: readonly string[];
}

/** Which parts of lists that follow one another make up the range. */
export function partsOf<Name extends string>(
  range: JobRange,
  names: readonly Name[],
  { counts, newestFirst }: Lists,
): readonly ListPart<Name>[] {
  let before = 0;
  return names.flatMap((name) => {
    const count = counts[name] ?? 0;
    const from = Math.max(0, range.offset - before);
    const to = Math.min(count, range.offset + range.limit - before) - 1;
    before += count;
    if (from > to) return [];
    if (!newestFirst.includes(name)) return [{ name, from, to }];
    return [{ name, from: count - 1 - to, to: count - 1 - from }];
  });
}

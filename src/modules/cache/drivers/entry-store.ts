import type { CallBounds } from '../../../common/redis/index.js';
import type { PurgeKind } from '../cache.driver.js';
import type { ReadValue } from './stored-value.js';
import type { LoadMoment } from './tag-clocks.js';

/** What came of reading one key. An error: what the server refuses to read this one with. */
export type ReadOutcome = ReadValue | Error;

/** A load that was announced: what is there now, and when by the clocks it began. */
export interface BegunEntry {
  readonly read: ReadValue;
  readonly moment: LoadMoment;
}

/** An entry on its way to Redis. */
export interface EntryToSet {
  readonly bytes: Buffer;
  readonly ttlMs: number;
  readonly tags: readonly string[];
  readonly slots: readonly number[];
  /** Of a load: what has to be there still, and when it began. */
  readonly fence: LoadFence | undefined;
}

/** A message for all processes; `text` is `''` where there is nothing to tell. */
export interface Announcement {
  readonly channel: string;
  readonly text: string;
  /** Called with what the server said, where this user may not tell. Nothing, where it may. */
  readonly refused: (refusal: string | undefined) => void;
}

/** When a load began, and over what. */
export interface LoadFence {
  readonly revision: Buffer;
  readonly moment: LoadMoment;
}

/** A key that is to be removed, and its name in Redis. */
export interface DoomedKey {
  readonly key: string;
  readonly name: string;
}

/** How a removal is told and bounded; a cluster removes, and tells of, each key by itself. */
export interface Removal {
  readonly announce: (keys: readonly string[]) => Announcement;
  readonly bounds: CallBounds;
}

/**
 * Entries and clocks in Redis, by the names of their keys: what is different on one server, where a
 * script sees both, and in a cluster, where it does not.
 *
 * All methods reject with `RedisUnavailableError` where there is no answer in time. What is read is
 * charged to the budget of its request; what changes is not, and is sent in any case.
 */
export interface EntryStore {
  /** One outcome for each name, in order. */
  read(names: readonly string[]): Promise<readonly ReadOutcome[]>;
  begin(name: string): Promise<BegunEntry>;
  /** `false`: it is outdated. */
  set(name: string, entry: EntryToSet, announcement: Announcement): Promise<boolean>;
  /** `false`: it is outdated. */
  cancel(name: string, fence: LoadFence, slots: readonly number[]): Promise<boolean>;
  /** What was there, one outcome for each key, in order; the bytes may be missing. */
  delete(doomed: readonly DoomedKey[], removal: Removal): Promise<readonly ReadOutcome[]>;
  purge(slots: readonly number[], kind: PurgeKind, announcement: Announcement): Promise<void>;
}

/** How the calls of a store are bounded. */
export interface StoreBounds {
  readonly reads: CallBounds;
  readonly writes: CallBounds;
}

/**
 * A request that has used up its time for Redis can do without an answer, but others cannot do
 * without what it changes: it would be left for this process to make up for, later.
 */
export function boundsOf(deadlineMs: number): StoreBounds {
  return { reads: { deadlineMs }, writes: { deadlineMs, outsideBudget: true } };
}

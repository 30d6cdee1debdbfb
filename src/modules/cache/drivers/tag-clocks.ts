/** When, in epochs, the tags of an entry were last purged. */
export interface TagClocks {
  /** Of the clocks as a whole: those that were lost come back with another one. */
  readonly id: string;
  readonly hard: number;
  readonly soft: number;
}

/** Which clocks an entry was loaded by, and when. */
export interface LoadMoment {
  readonly id: string;
  readonly epoch: number;
}

/** What the purges so far leave of an entry. */
export type Standing = 'current' | 'purged' | 'outdated';

/**
 * Compares the moment of a load with the clocks: each purge has a greater epoch than all loads that
 * were begun before. Clocks that were lost outdate what went by them.
 */
export function standingOf({ id, epoch }: LoadMoment, clocks: TagClocks): Standing {
  if (clocks.id !== id || clocks.hard > epoch) return 'outdated';
  return clocks.soft > epoch ? 'purged' : 'current';
}

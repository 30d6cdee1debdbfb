import { z } from 'zod';
import { duration, positiveInteger } from '../../common/options/index.js';
import type { Duration } from '../../common/time/index.js';

/** How much a process remembers of what Redis denied. */
export interface BlockListOptions {
  /**
   * Counters remembered, a few hundred bytes each; beyond it the one that was not asked about for longest
   * goes, and Redis is asked again. @default 10000
   */
  readonly maxEntries?: number;
  /**
   * Longest time that a denial is believed without asking Redis again: how late a process notices
   * hits that another one took back, a grant, a reset, or a server clock that was set.
   * @default '5s'
   */
  readonly maxAge?: Duration;
}

/** `undefined`: there is none. */
export const blockList = z.preprocess(
  (given) => (given === true ? {} : given === false ? undefined : given),
  z
    .strictObject(
      {
        maxEntries: positiveInteger().default(10_000),
        maxAge: duration().prefault('5s'),
      },
      'must be true, false, or an object with maxEntries and maxAge',
    )
    .transform(({ maxAge, ...rest }) => ({ ...rest, maxAgeMs: maxAge }))
    .optional(),
);

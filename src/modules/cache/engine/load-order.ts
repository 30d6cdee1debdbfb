import type { CacheQuery } from '../cache-loader.js';
import type { Entry } from './entry.js';

/** A load that is to be run. */
export interface LoadOrder<T = unknown> extends CacheQuery<T> {
  /** What is to be replaced, be it fresh or not: it is known, and of no use. */
  readonly insteadOf?: Entry | undefined;
  /** Nobody waits for it: it is on nobody's budget. */
  readonly isBackground: boolean;
}

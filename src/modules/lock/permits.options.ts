import type { Permits } from './lock.driver.js';
import { LockMisuseError } from './lock.errors.js';

/** What a call takes of a semaphore. */
export interface PermitsOptions {
  /** @default 1 */
  readonly take?: number;
  /** How many there are: the same in all calls for a key. At most 1,000,000. */
  readonly of: number;
}

const MOST = 1_000_000;

/** A read/write lock is a semaphore of its own size: a reader takes one, a writer all. */
const READERS = 2 ** 31 - 1;

/** Neither for a plain lock. */
interface Kind {
  readonly permits?: PermitsOptions | undefined;
  readonly shared?: boolean | undefined;
}

/** What is taken of the key; `undefined` for a plain lock. @throws LockMisuseError */
export function resolvePermits({ permits, shared }: Kind): Permits | undefined {
  if (shared === undefined) return permits === undefined ? undefined : checkedPermits(permits);
  if (permits !== undefined) throw new LockMisuseError('shared', 'is not for permits');
  if (typeof shared !== 'boolean') throw new LockMisuseError('shared', 'is neither true nor false');
  return { take: shared ? 1 : READERS, of: READERS };
}

function checkedPermits(permits: PermitsOptions): Permits {
  if (typeof permits !== 'object' || permits === null) {
    throw new LockMisuseError('permits', 'is no object with "of"');
  }
  const { take = 1, of, ...others } = permits;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new LockMisuseError(`permits.${unknown}`, 'is not a known option');
  }
  if (!isWholeUpTo(of, MOST)) {
    throw new LockMisuseError('permits.of', `is no whole number from 1 to ${MOST}`);
  }
  if (!isWholeUpTo(take, of)) {
    throw new LockMisuseError('permits.take', 'is no whole number from 1 to permits.of');
  }
  return { take, of };
}

function isWholeUpTo(value: unknown, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;
}

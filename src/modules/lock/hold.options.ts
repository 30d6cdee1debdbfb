import { InvalidOptionError } from '../../common/errors/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import { type Duration, parseDuration } from '../../common/time/index.js';
import type { Permits } from './lock.driver.js';
import { LockMisuseError } from './lock.errors.js';
import { LockHandle } from './lock-handle.js';
import { type PermitsOptions, resolvePermits } from './permits.options.js';

/** One lock, or several that are taken together: all or none. */
export type LockKey = string | readonly string[];

/** How a lock is held. */
export interface HoldOptions {
  /**
   * The hold ends this long after its process was last able to extend it, which it does by itself,
   * three times in that time: how long others wait for the lock of a process that died.
   */
  readonly ttl: Duration;
  /**
   * The hold is not extended by itself beyond this time, so that a holder which hangs loses it. As
   * long as `ttl`: it is never extended by itself. @default '1h', or `ttl` where that is more
   */
  readonly maxHold?: Duration;
  /**
   * The hold is not extended by itself once the latest `lock.beat()` is longer ago than this: a holder
   * that makes no progress loses it, `ttl` later at most. @default never
   */
  readonly beatWithin?: Duration;
  /**
   * After a release before this time the lock stays busy for the rest of it: for jobs that many
   * instances are to do once, at about the same time. By the clock of the server. @default 0
   */
  readonly holdAtLeast?: Duration;
  /** `false`: without a fencing token, and nothing is left behind. @default true */
  readonly fence?: boolean;
  /**
   * The key is a semaphore: as many permits of it as there are may be held at the same time. Of one key
   * only, without `holdAtLeast`. @default none: at most one holder
   */
  readonly permits?: PermitsOptions;
  /**
   * The key is a read/write lock: held by many with `true`, to read, or by one alone with `false`, to
   * write. In order of arrival, so that readers do not pass a writer who waits. Of one key only, without
   * `holdAtLeast`. @default none: at most one holder
   */
  readonly shared?: boolean;
  /**
   * A lock that is held already: where it is one of the same keys, it is entered again, at once and
   * whatever the mode. It stays the same hold, on the terms it was acquired with, and is given back
   * when all its handles were released. Other keys are acquired as without it. @default none
   */
  readonly within?: LockHandle;
}

/** How to take a lock that may be busy. */
export interface WaitOptions extends HoldOptions {
  /**
   * Of a busy lock: wait for it for `wait`; or fail, with `E_LOCK_BUSY`, at once.
   * @default 'wait' where `wait` is given, else 'fail'
   */
  readonly mode?: 'wait' | 'fail';
  /** Longest wait for a busy lock; then `E_LOCK_WAIT_TIMEOUT`. Needed for the mode `'wait'`. */
  readonly wait?: Duration;
}

export interface AcquireOptions extends WaitOptions {
  /** Ends the waiting: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Where the lock is busy, the work is left out, and the answer is `undefined`. */
export interface SkipOptions extends HoldOptions {
  readonly mode: 'skip';
}

/** What `@Locked` takes: there is no lock yet when the class is loaded. */
export type LockedOptions = (WaitOptions | SkipOptions) & { readonly within?: never };

/** Options of a hold, validated. */
export interface ResolvedHold {
  readonly ttlMs: number;
  readonly maxHoldMs: number;
  /** `Infinity` where no beat is needed. */
  readonly beatWithinMs: number;
  readonly holdAtLeastMs: number;
  readonly fence: boolean;
  /** `undefined` for a plain lock. */
  readonly permits: Permits | undefined;
}

export interface ResolvedAcquire extends ResolvedHold {
  readonly mode: 'skip' | 'wait' | 'fail';
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  readonly within: LockHandle | undefined;
}

const MAX_HOLD_MS = 3_600_000;

const HOLD_NAMES = ['ttl', 'maxHold', 'beatWithin', 'holdAtLeast', 'fence', 'permits', 'shared'];
const NAMES: ReadonlySet<string> = new Set([...HOLD_NAMES, 'mode', 'wait', 'signal', 'within']);
const MODES: readonly unknown[] = ['skip', 'wait', 'fail'];

interface AnyOptions extends HoldOptions {
  readonly mode?: 'skip' | 'wait' | 'fail';
  readonly wait?: Duration;
  readonly signal?: AbortSignal;
}

/**
 * Validates what a call gives, and applies the defaults. By hand, and without copies on the way: it
 * runs with every lock that is taken.
 *
 * @throws LockMisuseError
 */
export function resolveAcquire(options: AnyOptions): ResolvedAcquire {
  if (typeof options !== 'object' || options === null) {
    throw new LockMisuseError('options', 'are missing: a lock needs a ttl');
  }
  for (const name in options) {
    if (!NAMES.has(name)) throw new LockMisuseError(name, 'is not a known option');
  }
  const ttlMs = durationOf(options.ttl, 'ttl');
  const waitMs = options.wait === 0 ? 0 : (optional(options.wait, 'wait') ?? 0);
  const resolved: ResolvedAcquire = {
    ttlMs,
    maxHoldMs: optional(options.maxHold, 'maxHold') ?? Math.max(ttlMs, MAX_HOLD_MS),
    beatWithinMs: optional(options.beatWithin, 'beatWithin') ?? Infinity,
    holdAtLeastMs: optional(options.holdAtLeast, 'holdAtLeast') ?? 0,
    fence: options.fence ?? true,
    permits: resolvePermits(options),
    mode: options.mode ?? (waitMs > 0 ? 'wait' : 'fail'),
    waitMs,
    signal: options.signal,
    within: options.within,
  };
  refuseContradictions(resolved);
  return resolved;
}

function refuseContradictions(options: ResolvedAcquire): void {
  const { ttlMs, mode, waitMs, signal } = options;
  if (options.maxHoldMs < ttlMs) throw new LockMisuseError('maxHold', 'is shorter than ttl');
  if (options.holdAtLeastMs > ttlMs) throw new LockMisuseError('holdAtLeast', 'is longer than ttl');
  if (options.permits !== undefined && options.holdAtLeastMs > 0) {
    throw new LockMisuseError('holdAtLeast', 'is not for permits, nor for read/write locks');
  }
  if (typeof options.fence !== 'boolean') {
    throw new LockMisuseError('fence', 'is neither true nor false');
  }
  if (!MODES.includes(mode)) throw new LockMisuseError('mode', 'is none of skip, wait and fail');
  if (mode === 'wait' && waitMs === 0) throw new LockMisuseError('wait', 'is needed to wait');
  if (mode !== 'wait' && waitMs > 0) {
    throw new LockMisuseError('wait', `means nothing where the mode is "${mode}"`);
  }
  if (signal !== undefined && !isSignal(signal)) {
    throw new LockMisuseError('signal', 'is no AbortSignal');
  }
  if (options.within !== undefined && !(options.within instanceof LockHandle)) {
    throw new LockMisuseError('within', 'is no lock that was acquired here');
  }
}

function optional(value: Duration | undefined, option: string): number | undefined {
  return value === undefined ? undefined : durationOf(value, option);
}

/**
 * The keys of a call, sorted, so that callers of several keys never wait for each other.
 *
 * @throws LockMisuseError for none, one twice, one that is empty or longer than 1 kB, or several where
 * permits are taken
 */
export function resolveKeys(
  key: LockKey,
  { permits }: Pick<ResolvedHold, 'permits'>,
): readonly string[] {
  if (typeof key === 'string') return [checkedKey(key)];
  if (!Array.isArray(key)) throw new LockMisuseError('key', 'is neither a text nor a list');
  const keys = [...new Set(key.map(checkedKey))].toSorted();
  if (keys.length === 0) throw new LockMisuseError('key', 'is an empty list');
  if (keys.length < key.length) throw new LockMisuseError('key', 'is there twice');
  if (keys.length > 1 && permits !== undefined) {
    throw new LockMisuseError('key', 'is one for permits and for read/write locks');
  }
  return keys;
}

function checkedKey(key: string): string {
  return translated('key', () => checkKeyText(key, 'key'));
}

function durationOf(value: Duration, option: string): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31
    ? value
    : translated(option, () => parseDuration(value, option));
}

/** Every wrong use of a lock has the same code. */
function translated<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    throw new LockMisuseError(option, error.problem);
  }
}

/** By shape: the signal may come from another realm than this code. */
function isSignal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'aborted') === 'boolean';
}

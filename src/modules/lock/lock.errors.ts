import { BackplaneError } from '../../common/errors/index.js';

/** Somebody else holds the lock, and the caller did not want to wait. */
export class LockBusyError extends BackplaneError {
  readonly code = 'E_LOCK_BUSY';

  /** @param remainingMs when the hold ends, unless it is extended or released */
  constructor(
    readonly key: string,
    readonly remainingMs: number,
  ) {
    super(`The lock "${key}" is held by somebody else. Try again later, or give a "wait".`);
  }
}

/**
 * The lock did not become free within the time the caller gave. `cause`: the latest try that got no
 * answer, where there was one.
 */
export class LockWaitTimeoutError extends BackplaneError {
  readonly code = 'E_LOCK_WAIT_TIMEOUT';

  constructor(
    readonly key: string,
    readonly waitMs: number,
    cause?: Error,
  ) {
    const problem = `The lock "${key}" did not become free within ${waitMs} ms.`;
    super(`${problem} Try again, or wait longer.`, cause && { cause });
  }
}

/**
 * The lock is not held any more: its time was over, it was taken away, or Redis came back without
 * it and somebody else was faster. What was done since may have met with what another holder did.
 */
export class LockLostError extends BackplaneError {
  readonly code = 'E_LOCK_LOST';

  constructor(
    readonly key: string,
    options?: { readonly cause?: unknown },
  ) {
    super(
      `The lock "${key}" is not held any more. Give it a longer ttl, or extend it in time.`,
      options,
    );
  }
}

/**
 * Redis gave no usable answer in time, so nobody can say who holds the lock: nothing is granted.
 */
export class LockBackendDownError extends BackplaneError {
  readonly code = 'E_LOCK_BACKEND_DOWN';

  /**
   * @param scope `'call'`: this call alone went unanswered while Redis serves others, so that trying
   * again at once makes sense; what became of it is made up for
   */
  constructor(readonly scope: 'outage' | 'call' = 'outage') {
    super(
      'Redis gave no usable answer in time, and locks are closed then. Try again when it is back; ' +
        'an application of a single process may set onRedisDown to "memory".',
    );
  }
}

/** A lock is asked for something that it cannot do. */
export class LockMisuseError extends BackplaneError {
  readonly code = 'E_LOCK_MISUSE';

  constructor(
    readonly option: string,
    readonly problem: string,
  ) {
    super(`${option} ${problem}.`);
  }
}

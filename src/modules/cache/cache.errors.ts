import { BackplaneError } from '../../common/errors/index.js';

/** The packed value is larger than `maxValueBytes`; nothing was stored. */
export class CacheValueTooLargeError extends BackplaneError {
  readonly code = 'E_CACHE_VALUE_TOO_LARGE';

  constructor(
    readonly key: string,
    readonly bytes: number,
    readonly maxValueBytes: number,
  ) {
    super(
      `The value for "${key}" is ${bytes} bytes, above the option maxValueBytes (${maxValueBytes}). ` +
        'Store less, or raise the limit.',
    );
  }
}

/** A loader took longer than the hard timeout, and there was nothing older that could be served. */
export class CacheLoadTimeoutError extends BackplaneError {
  readonly code = 'E_CACHE_LOAD_TIMEOUT';
  override readonly kind = 'unavailable';

  constructor(
    readonly key: string,
    readonly timeoutMs: number,
  ) {
    super(
      `The loader of "${key}" took longer than ${timeoutMs} ms. Make it end with the signal that it is ` +
        'given, or raise the option hardTimeout.',
    );
  }
}

/** As many keys wait for their write as may (`writeBehind.maxPending`); nothing was changed. */
export class CacheWriteQueueFullError extends BackplaneError {
  readonly code = 'E_CACHE_WRITE_QUEUE_FULL';
  override readonly kind = 'unavailable';

  constructor(
    readonly key: string,
    readonly maxPending: number,
  ) {
    super(
      `The value of "${key}" was not accepted: ${maxPending} keys wait for their write already. Try ` +
        "again later, raise the option writeBehind.maxPending, or let calls wait (whenFull: 'wait').",
    );
  }
}

/** The application ended before a value was written to its source. */
export class CacheWriteAbandonedError extends BackplaneError {
  readonly code = 'E_CACHE_WRITE_ABANDONED';

  constructor(
    readonly key: string,
    readonly timeoutMs: number,
  ) {
    super(
      `The value of "${key}" was not written within ${timeoutMs} ms of the shutdown. Write it by hand, ` +
        'and raise the option writeBehind.shutdownTimeout.',
    );
  }
}

/** A function of the application gave what cannot be used; the request is not answered. */
export class CacheMisconfiguredError extends BackplaneError {
  readonly code = 'E_CACHE_MISCONFIGURED';

  constructor(
    readonly option: string,
    readonly problem: string,
  ) {
    super(`The option ${option} ${problem}. Correct the function.`);
  }
}

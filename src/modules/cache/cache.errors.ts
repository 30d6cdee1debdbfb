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

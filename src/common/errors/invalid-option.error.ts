import { BackplaneError } from './backplane.error.js';

/** An option, argument or key the caller passed cannot be used; nothing was changed. */
export class InvalidOptionError extends BackplaneError {
  readonly code = 'E_INVALID_OPTION';
  override readonly kind = 'invalid';

  /**
   * @param option path of the offending option, such as `throttle.default.limit`
   * @param problem what is wrong and what would be right, without a final full stop
   */
  constructor(
    readonly option: string,
    readonly problem: string,
  ) {
    super(`Invalid option "${option}": ${problem}.`);
  }
}

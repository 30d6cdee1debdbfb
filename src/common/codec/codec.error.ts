import { BackplaneError } from '../errors/index.js';

/** A value has no binary form, or stored bytes cannot be turned back into a value. */
export class CodecError extends BackplaneError {
  readonly code = 'E_CODEC';
  override readonly kind = 'invalid';
}

/** The packed form of a value is larger than the codec reads back. */
export class EncodedValueTooLargeError extends CodecError {
  constructor(
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(`The packed value is ${bytes} bytes; at most ${maxBytes} can be stored. Store less.`);
  }
}

import { BackplaneError } from '../errors/index.js';

/** A value has no binary form, or stored bytes cannot be turned back into a value. */
export class CodecError extends BackplaneError {
  readonly code = 'E_CODEC';
}

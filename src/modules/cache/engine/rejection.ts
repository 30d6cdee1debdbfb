import { type CodecError, EncodedValueTooLargeError } from '../../../common/codec/index.js';

export function isTooLarge(error: CodecError): boolean {
  return error instanceof EncodedValueTooLargeError;
}

/** Code of the event that tells of a value which was not stored, or could not be read. */
export function rejectionReason(error: CodecError): string {
  return isTooLarge(error) ? 'E_CACHE_VALUE_TOO_LARGE' : error.code;
}

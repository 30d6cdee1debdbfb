export { CodecError, EncodedValueTooLargeError } from './codec.error.js';
export { ValueCodec } from './value-codec.js';

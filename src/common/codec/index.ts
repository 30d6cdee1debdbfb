export { CodecError, EncodedValueTooLargeError } from './codec.error.js';
export { ValueCodec, type ValueCodecOptions } from './value-codec.js';

import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { Packr } from 'msgpackr';
import { CodecError, EncodedValueTooLargeError } from './codec.error.js';

const compress = promisify(deflateRaw);
const decompress = promisify(inflateRaw);

/** First byte of everything we store: the version of the format and how the rest is packed. */
const Envelope = { PLAIN: 0x11, DEFLATED: 0x12 } as const;

/** Either at once or later: small values never pay for a promise they do not need. */
type Eventually<T> = T | Promise<T>;

export interface ValueCodecOptions {
  /** Values whose packed form is at least this large are compressed. `undefined` = never. */
  readonly compressAboveBytes?: number | undefined;
  /**
   * Largest packed form, before compression, that is written and read back; stops a small
   * compressed value from filling the memory.
   */
  readonly maxBytes: number;
}

/**
 * Turns values into bytes and back, type for type: Date, Map, Set, bigint, Buffer, typed arrays,
 * `undefined` and `NaN` come back as they went in, and share no memory with the bytes. Class
 * instances come back as plain objects or as what their `toJSON` gives, `-0` as `0`, an unpaired
 * surrogate as `U+FFFD`, and a property `__proto__` as `__proto_`.
 *
 * Format: one envelope byte, then MessagePack (https://msgpack.org), raw-deflated (RFC 1951) above
 * the threshold. An unknown envelope byte is a `CodecError`, so that a release that does not know a
 * newer format reports it instead of guessing.
 */
export class ValueCodec {
  readonly #packr = new Packr({
    moreTypes: true,
    useRecords: true,
    copyBuffers: true,
    writeFunction: refuseFunction,
  });
  readonly #options: ValueCodecOptions;

  constructor(options: ValueCodecOptions) {
    this.#options = options;
  }

  /**
   * @throws CodecError when the value holds a symbol, a function, a cycle or something else that cannot
   * be packed @throws EncodedValueTooLargeError
   */
  encode(value: unknown): Eventually<Buffer> {
    const packed = this.#pack(value);
    const { compressAboveBytes: threshold, maxBytes } = this.#options;
    if (packed.length > maxBytes) throw new EncodedValueTooLargeError(packed.length, maxBytes);
    if (threshold === undefined || packed.length < threshold) return seal(Envelope.PLAIN, packed);
    return compress(packed).then((deflated) =>
      deflated.length < packed.length
        ? seal(Envelope.DEFLATED, deflated)
        : seal(Envelope.PLAIN, packed),
    );
  }

  /**
   * @throws CodecError when the bytes were not written by this format, are cut off or are too large
   */
  decode(bytes: Buffer): Eventually<unknown> {
    const body = bytes.subarray(1);
    switch (bytes[0]) {
      case Envelope.PLAIN:
        return this.#unpack(body);
      case Envelope.DEFLATED:
        return this.#inflate(body);
      default:
        throw new CodecError('The stored bytes have an unknown format; treat the value as absent.');
    }
  }

  #pack(value: unknown): Buffer {
    try {
      return this.#packr.pack(value);
    } catch (cause) {
      throw new CodecError(
        'The value cannot be stored: it holds a symbol, a function, a cycle or another type without a ' +
          'binary form. Store plain data.',
        { cause },
      );
    }
  }

  #unpack(body: Buffer): unknown {
    try {
      return this.#packr.unpack(body);
    } catch (cause) {
      throw new CodecError('The stored bytes are damaged; treat the value as absent.', { cause });
    }
  }

  async #inflate(body: Buffer): Promise<unknown> {
    const packed = await decompress(body, { maxOutputLength: this.#options.maxBytes }).catch(
      (cause: unknown) => {
        throw new CodecError('The stored bytes are damaged or too large.', { cause });
      },
    );
    return this.#unpack(packed);
  }
}

/** Left to itself the packer would store `undefined` and so lose the function without a word. */
function refuseFunction(): never {
  throw new TypeError('a function has no binary form');
}

function seal(envelope: number, body: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(body.length + 1);
  sealed[0] = envelope;
  body.copy(sealed, 1);
  return sealed;
}

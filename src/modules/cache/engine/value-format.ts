import { ValueCodec, type ValueCodecOptions } from '../../../common/codec/index.js';
import type { CacheFormat } from '../cache-format.js';

/** Values of any kind, each caller's own. */
export class ValueFormat implements CacheFormat<unknown> {
  readonly isImmutable = false;
  readonly #codec: ValueCodec;

  constructor(options: ValueCodecOptions) {
    this.#codec = new ValueCodec(options);
  }

  encode(value: unknown): Buffer | Promise<Buffer> {
    return this.#codec.encode(value);
  }

  decode(bytes: Buffer): unknown {
    return this.#codec.decode(bytes);
  }
}

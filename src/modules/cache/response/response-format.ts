import { CodecError, ValueCodec } from '../../../common/codec/index.js';
import type { CacheFormat } from '../cache-format.js';
import type { StoredBytes, StoredResponse, StoredValue } from './stored-response.js';

/**
 * Tells stored answers from whatever else is stored under their keys: operators store JSON, and no
 * JSON becomes bytes. The byte is the version of the format.
 */
const MARK = Buffer.from([1]);

/** Large answers are bound by the codec that packs the whole. */
const valueCodec = new ValueCodec({ maxBytes: Infinity });

export interface ResponseFormatOptions {
  readonly compressAboveBytes: number | undefined;
  readonly maxBytes: number;
}

/**
 * Stored answers, as values of `ValueCodec` with a mark. A value without it was stored by something
 * else, for somebody else: no client reads it by asking for its key.
 */
export class ResponseFormat implements CacheFormat<StoredResponse> {
  readonly isImmutable = true;
  readonly #codec: ValueCodec;

  constructor(options: ResponseFormatOptions) {
    this.#codec = new ValueCodec(options);
  }

  encode(response: StoredResponse): Buffer | Promise<Buffer> {
    return this.#codec.encode({ mark: MARK, response });
  }

  decode(bytes: Buffer): StoredResponse | Promise<StoredResponse> {
    const decoding = this.#codec.decode(bytes);
    return decoding instanceof Promise ? decoding.then(responseOf) : responseOf(decoding);
  }
}

/** A value in the form in which it is stored. @throws CodecError */
export function packValue(value: unknown): Buffer {
  // Nothing is compressed here, so it comes at once.
  return valueCodec.encode(value) as Buffer;
}

/** A copy that the caller may change. */
export function unpackValue({ body }: Pick<StoredValue, 'body'>): unknown {
  return valueCodec.decode(body);
}

/** What a decoded entry shows to people: the value, or the body of a stored answer. */
export function contentOf(entry: unknown): unknown {
  if (!isMarked(entry)) return entry;
  const response = responseOf(entry);
  if (response.kind === 'value') return unpackValue(response);
  if (response.kind === 'error') return response.response;
  return valueOf(response);
}

/** The body of a stored answer, as a value. */
export function valueOf({ body, headers }: StoredBytes): unknown {
  const type = String(headers.find(([name]) => name === 'content-type')?.[1] ?? '');
  if (type.includes('json')) return JSON.parse(body.toString());
  return type.startsWith('text/') ? body.toString() : body;
}

/** @throws CodecError for what is no answer, or one of another version */
function responseOf(entry: unknown): StoredResponse {
  if (!isMarked(entry)) throw new CodecError('The entry is no stored answer; treat it as absent.');
  if (!entry.mark.equals(MARK)) {
    throw new CodecError('The stored answer is of another version; treat it as absent.');
  }
  return entry.response;
}

interface Marked {
  readonly mark: Buffer;
  readonly response: StoredResponse;
}

function isMarked(entry: unknown): entry is Marked {
  return typeof entry === 'object' && entry !== null && Buffer.isBuffer(Reflect.get(entry, 'mark'));
}

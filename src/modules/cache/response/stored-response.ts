import type { HeaderValue } from '../../../common/http/index.js';
import type { CodedBodies } from './content-coding.js';

/** One header of an answer; the name is in lower case. */
export type Header = readonly [name: string, value: HeaderValue];

interface Answered {
  readonly status: number;
  /** What the handler set, with `Cache-Control`; `Vary` apart. */
  readonly headers: readonly Header[];
  /** Names of request headers that the answer depends on, in lower case. */
  readonly vary: readonly string[];
  /** The handler said that it is not to be served once its time is over. */
  readonly mustRevalidate: boolean;
  /** How old it was when the handler was done. @default 0 */
  readonly ageMs?: number;
}

/** An answer as it goes over the wire. */
export interface StoredBytes extends Answered, CodedBodies {
  readonly kind: 'bytes';
  readonly body: Buffer;
  /** `undefined` for what is never compared: anything but a 2xx with a body. */
  readonly etag: string | undefined;
  /** `Last-Modified`, in ms since the epoch. */
  readonly modifiedAt: number | undefined;
}

/** What a handler returned, packed: interceptors around the cache, or Nest, make the answer of it. */
export interface StoredValue extends Answered {
  readonly kind: 'value';
  readonly body: Buffer;
}

/** An exception a handler threw: exception filters make the answer of it. */
export interface StoredError extends Answered {
  readonly kind: 'error';
  readonly type: 'HttpException' | 'NotFoundException' | 'GoneException';
  readonly response: string | Readonly<Record<string, unknown>>;
  readonly errorCode: string | undefined;
}

/** What is kept of an answer. Nobody changes it. */
export type StoredResponse = StoredBytes | StoredValue | StoredError;

import { type HttpRequest, type RawBody, rawBodyOf } from '../../../common/http/index.js';
import { isUnmodified } from './conditional.js';
import { chooseCoding, type Coding } from './content-coding.js';
import type { Header, StoredBytes } from './stored-response.js';

/** What is sent. */
export interface Answer {
  readonly status: number;
  /** Names in lower case; without `Content-Length` and `Vary`. */
  readonly headers: readonly Header[];
  /** Names of request headers, for `Vary`. */
  readonly vary: readonly string[];
  /** `undefined`: the answer has neither body nor `Content-Length`. */
  readonly body: RawBody | undefined;
}

/** What a stored answer is sent as in one coding. */
interface Variant {
  readonly whole: Answer;
  readonly notModified: Answer;
  readonly etag: string | undefined;
}

type Variants = Partial<Record<Coding, Variant>>;

/** Made once for each stored answer, not for each request. */
const variantsOf = new WeakMap<StoredBytes, Variants>();

/**
 * The answer of a stored response to a request: a pure function of both. HEAD gets what GET gets;
 * who sends it leaves the body out.
 */
export function answerOf(
  stored: StoredBytes,
  { method, headers }: Pick<HttpRequest, 'method' | 'headers'>,
): Answer {
  const variant = variantFor(stored, headers);
  const { modifiedAt, status } = stored;
  // Other methods, and answers that are no success, go by no condition (RFC 9110, 13.2).
  const isComparable = (method === 'GET' || method === 'HEAD') && status >= 200 && status < 300;
  if (!isComparable) return variant.whole;
  const isCurrent = isUnmodified(headers, { etag: variant.etag, modifiedAt });
  return isCurrent ? variant.notModified : variant.whole;
}

function variantFor(stored: StoredBytes, headers: HttpRequest['headers']): Variant {
  const accepted = headers['accept-encoding'];
  const coding =
    isCoded(stored) && typeof accepted === 'string' ? chooseCoding(accepted, stored) : 'identity';
  let variants = variantsOf.get(stored);
  if (variants === undefined) variantsOf.set(stored, (variants = {}));
  return (variants[coding] ??= makeVariant(stored, coding));
}

function makeVariant(stored: StoredBytes, coding: Coding): Variant {
  const { status } = stored;
  const etag = stored.etag === undefined ? undefined : tagOf(stored.etag, coding);
  const headers: readonly Header[] = [
    ...stored.headers,
    ...(coding === 'identity' ? [] : [['content-encoding', coding] as const]),
    ...(etag === undefined ? [] : [['etag', etag] as const]),
  ];
  const vary = isCoded(stored) ? [...stored.vary, 'accept-encoding'] : stored.vary;
  const body = (coding === 'identity' ? undefined : stored[coding]) ?? stored.body;
  const kept = headers.filter(([name]) => !describesBody(name));
  return {
    etag,
    whole: { status, headers, vary, body: status === 204 ? undefined : rawBodyOf(body) },
    notModified: { status: 304, headers: kept, vary, body: undefined },
  };
}

/** What an answer without a body leaves out: the client has it (RFC 9110, 15.4.5). */
export function describesBody(name: string): boolean {
  return BODY_FIELDS.has(name);
}

const BODY_FIELDS = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'content-range',
]);

function isCoded({ br, gzip }: StoredBytes): boolean {
  return br !== undefined || gzip !== undefined;
}

/** Other bytes have another strong tag; one of the handler's becomes a weak one. */
function tagOf(etag: string, coding: Coding): string {
  if (coding === 'identity' || etag.startsWith('W/')) return etag;
  return isOwnTag(etag) ? `${etag.slice(0, -1)}-${coding}"` : `W/${etag}`;
}

const OWN_TAG = /^"bp-[\w-]{22}"$/;

function isOwnTag(etag: string): boolean {
  return OWN_TAG.test(etag);
}

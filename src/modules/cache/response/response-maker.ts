import { createHash } from 'node:crypto';
import { isReadOnce, responseBody } from '../../../common/http/index.js';
import { parseCacheControl, parseHttpDate } from './cache-control.js';
import type { CachedRoute } from './cached-route.js';
import { compressed, type CodedBodies, isCompressible } from './content-coding.js';
import {
  ageMsOf,
  handlerHeaders,
  handlerVary,
  type LiveResponse,
  type ResponseState,
} from './handler-headers.js';
import { holdsInstance } from './holds-instance.js';
import { packValue } from './response-format.js';
import { contentOfError } from './stored-error.js';
import type { Header, StoredBytes, StoredError, StoredResponse } from './stored-response.js';

/** What a handler came to. */
export type HandlerResult = { readonly value: unknown } | { readonly error: unknown };

/** A handler that is done, and all there is to know of its answer. */
export interface Answered {
  readonly route: CachedRoute;
  readonly response: LiveResponse;
  readonly before: ResponseState;
  readonly after: ResponseState;
  readonly status: number;
  readonly mustRevalidate: boolean;
}

/** Why an answer is not stored, in words for the log. */
export interface Unstorable {
  readonly why: string;
}

/** What is stored of an answer that may be stored. */
export async function storedFrom(
  answered: Answered,
  result: HandlerResult,
): Promise<StoredResponse | Unstorable> {
  if ('error' in result) return errorFrom(answered, result.error);
  const { value } = result;
  if (isReadOnce(value)) return { why: 'it is a stream' };
  try {
    return answered.route.isFinal ? await bytesFrom(answered, value) : valueFrom(answered, value);
  } catch (error) {
    // A cycle, a bigint, a function: where it can be sent at all, the platform knows how.
    return { why: `it has no stored form (${String(error)})` };
  }
}

/** The status of the exception a handler threw, where it can be stored. */
export function statusOfError(error: unknown): number | undefined {
  return contentOfError(error)?.status;
}

function errorFrom(answered: Answered, error: unknown): StoredError | Unstorable {
  const content = contentOfError(error);
  if (content === undefined) return { why: 'it is an exception of a class of its own' };
  return { kind: 'error', ...partsOf(answered), ...content };
}

function valueFrom(answered: Answered, value: unknown): StoredResponse | Unstorable {
  // ClassSerializerInterceptor and its like go by classes, which do not come back.
  if (holdsInstance(value)) return { why: 'interceptors around the cache would see its classes' };
  return { kind: 'value', ...partsOf(answered), body: packValue(value) };
}

async function bytesFrom(answered: Answered, value: unknown): Promise<StoredBytes | Unstorable> {
  const { response, status, after } = answered;
  const sent = responseBody(response, value, status);
  if (sent === undefined) return { why: 'the platform sends it in a way of its own' };
  const { headers, ...parts } = partsOf(answered);
  const { bytes: body, type } = sent;
  const others = headers.filter(([name]) => name !== 'content-type' && name !== 'etag');
  const isWhole = status >= 200 && status < 300 && status !== 204;
  return {
    kind: 'bytes',
    ...parts,
    headers: type === undefined ? others : [['content-type', type], ...others],
    body,
    ...(await codedBodies(answered, { body, type })),
    etag: isWhole ? (textOf(after.headers['etag']) ?? ownTag(body)) : undefined,
    modifiedAt: parseHttpDate(textOf(after.headers['last-modified'])),
  };
}

function partsOf({ route, before, after, status, mustRevalidate }: Answered) {
  const { vary = [], cacheControl } = route.options;
  const added = handlerVary(before, after, route.staticVary);
  const headers: Header[] = [...handlerHeaders(before, after, route.staticHeaders)];
  const isTimed = ['cache-control', 'expires'].some((name) => after.headers[name] !== undefined);
  if (cacheControl !== undefined && !isTimed) {
    headers.push(['cache-control', cacheControl]);
  }
  const varied = [...new Set([...(typeof vary === 'function' ? [] : vary), ...added])];
  return { status, headers, vary: varied, mustRevalidate, ageMs: ageMsOf(after) };
}

async function codedBodies(
  { route, after }: Answered,
  { body, type }: { readonly body: Buffer; readonly type: string | undefined },
): Promise<CodedBodies> {
  const { compressAboveBytes } = route.options;
  if (compressAboveBytes === undefined || body.length < compressAboveBytes) return {};
  const isCoded = after.headers['content-encoding'] !== undefined;
  // RFC 9111, 5.2.2.6.
  const directives = parseCacheControl(textOf(after.headers['cache-control']));
  if (isCoded || !isCompressible(type) || directives.has('no-transform')) return {};
  return compressed(body);
}

/** A strong validator: other bytes, another tag (RFC 9110, 8.8.3). */
function ownTag(body: Buffer): string {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return `"bp-${hash}"`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

import { jsonBody, serializeJson } from '../../common/http/index.js';
import type { InspectableResponse } from './response-cacheability.js';

/**
 * What the cache keeps of an answer: the JSON that was sent, or the handler's value where that is
 * not an object, or where other interceptors have to see it.
 */
type StoredResponse =
  | { readonly stored: 'json'; readonly body: Buffer }
  | { readonly stored: 'value'; readonly body: unknown };

/** Where an answer goes: to the client, or first through the interceptors around the cache. */
export interface ResponseTarget {
  readonly response: InspectableResponse;
  readonly isOutermost: boolean;
}

/**
 * `undefined` when the value must not be stored: it cannot become JSON, or an interceptor around
 * the cache goes by classes (`ClassSerializerInterceptor`), which would not come back.
 */
export function packResponse(value: unknown, target: ResponseTarget): StoredResponse | undefined {
  if (!target.isOutermost && holdsInstance(value)) return undefined;
  if (!target.isOutermost || !isSentAsJson(value, target.response)) {
    return { stored: 'value', body: value };
  }
  try {
    const body = serializeJson(target.response, value);
    return body === undefined ? { stored: 'value', body: value } : { stored: 'json', body };
  } catch {
    // A cycle or a bigint: the platform meets the same problem and reports it.
    return undefined;
  }
}

/**
 * What to return as the answer. A value that was set under the key by hand is the answer itself.
 */
export function unpackResponse(entry: unknown, target: ResponseTarget): unknown {
  if (target.isOutermost && isStoredResponse(entry) && entry.stored === 'json') {
    return jsonBody(target.response, entry.body);
  }
  return contentOf(entry);
}

/** The answer that an entry stands for; an entry that is no answer stands for itself. */
export function contentOf(entry: unknown): unknown {
  if (!isStoredResponse(entry)) return entry;
  return entry.stored === 'value' ? entry.body : JSON.parse(entry.body.toString());
}

function isStoredResponse(entry: unknown): entry is StoredResponse {
  if (typeof entry !== 'object' || entry === null || !('stored' in entry)) return false;
  if (!('body' in entry)) return false;
  return entry.stored === 'value' || (entry.stored === 'json' && Buffer.isBuffer(entry.body));
}

function isSentAsJson(value: unknown, response: InspectableResponse): value is object {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return response.getHeader?.('content-type') === undefined;
}

/** Is there an object of a class of the application in it? */
function holdsInstance(value: unknown, seen = new Set<object>()): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return false;
  if (ArrayBuffer.isView(value) || value instanceof Date) return false;
  seen.add(value);
  if (value instanceof Map || value instanceof Set) {
    return [...value].some((entry) => holdsInstance(entry, seen));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  return !isPlain || Object.values(value).some((entry) => holdsInstance(entry, seen));
}

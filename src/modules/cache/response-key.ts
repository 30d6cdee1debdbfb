import { createHash } from 'node:crypto';
import { type HttpRequest, requestPath } from '../../common/http/index.js';

/** Longer paths and queries are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/** The path and the query of a request; the order of the query's parameters does not matter. */
export function defaultResponseKey(request: HttpRequest): string {
  const url = request.originalUrl ?? request.url;
  const path = requestPath(request);
  const key = `response:${shortened(path)}`;
  if (url.length <= path.length + 1) return key;
  const query = new URLSearchParams(url.slice(path.length));
  query.sort();
  const text = query.toString();
  return text === '' ? key : `${key}?${shortened(text)}`;
}

/** A URL may be longer than a key. Neither a path nor a query can look like a hash. */
function shortened(text: string): string {
  if (text.length <= MAX_READABLE) return text;
  return `sha256-${createHash('sha256').update(text).digest('base64url')}`;
}

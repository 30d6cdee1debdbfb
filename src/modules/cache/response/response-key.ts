import { createHash } from 'node:crypto';
import { type HttpRequest, requestPath } from '../../../common/http/index.js';

/** Longer paths and queries are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/** What `responseKey` could have put there itself; doubled, so that it cannot be taken for that. */
const AMBIGUOUS = /\|+(?=(?:user|version|host|vary|method)=|$)/g;

/** What tells entries with the same text apart. */
export interface KeyParts {
  readonly user?: string | undefined;
  readonly version?: string | undefined;
  readonly host?: string | undefined;
  readonly vary?: string | undefined;
  readonly method?: string | undefined;
}

/**
 * The key of an entry. Injective: whatever a client can put into `text`, the entry for all cannot
 * look like that of a user, nor one user's like another's. Texts without such an attempt stay as
 * they are, so that they can be deleted by what they were given as.
 */
export function responseKey(text: string, parts: KeyParts): string {
  let key = text.includes('|') ? text.replaceAll(AMBIGUOUS, '$&$&') : text;
  for (const name of PARTS) {
    const value = parts[name];
    if (value !== undefined) key += `|${name}=${encodeURIComponent(value)}`;
  }
  return key;
}

const PARTS = ['user', 'version', 'host', 'vary', 'method'] as const;

/**
 * The path and the query of a request; the order of the query's parameters does not matter.
 *
 * @param names of the parameters that count; absent: all of them
 */
export function defaultKeyText(request: HttpRequest, names?: readonly string[]): string {
  const url = request.originalUrl ?? request.url;
  const start = url.indexOf('?');
  const query = start === -1 ? '' : queryOf(url.slice(start + 1), names);
  return `response:${shortened(requestPath(request))}${query}`;
}

/**
 * What a request says in these headers, as one text: those that are absent differ from those that
 * are empty. Hashed where it may hold a secret.
 */
export function variantText(
  { headers }: HttpRequest,
  names: readonly string[],
  isSecret: boolean,
): string {
  const values = names.map((name) => {
    const value = headers[name];
    return value === undefined ? '' : `=${encodeURIComponent(String(value))}`;
  });
  return isSecret ? hashed(values.join()) : shortened(values.join());
}

/** What a function made of a request, as one text. */
export function givenVariantText(given: string | readonly string[]): string {
  return shortened([given].flat().map(encodeURIComponent).join());
}

function queryOf(text: string, names: readonly string[] | undefined): string {
  if (text === '') return '';
  const query = new URLSearchParams(text);
  if (names !== undefined) {
    for (const name of new Set(query.keys())) if (!names.includes(name)) query.delete(name);
  }
  query.sort();
  const sorted = query.toString();
  return sorted === '' ? '' : `?${shortened(sorted)}`;
}

/** A URL may be longer than a key. Neither a path nor a query can look like a hash. */
function shortened(text: string): string {
  return text.length <= MAX_READABLE ? text : hashed(text);
}

function hashed(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64url')}`;
}

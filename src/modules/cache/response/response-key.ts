import { createHash } from 'node:crypto';
import { type HttpRequest, requestPath } from '../../../common/http/index.js';

/** Longer paths and queries are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/** What `responseKey` could have put there itself; doubled, so that it cannot be taken for that. */
const AMBIGUOUS = /\|+(?=(?:url|user|version|host|vary|method)=|$)/g;

/** What tells entries with the same text apart. */
export interface KeyParts {
  readonly url?: string | undefined;
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

const PARTS = ['url', 'user', 'version', 'host', 'vary', 'method'] as const;

/**
 * The path and the query that the client asked for; the order of parameters of different names does
 * not matter. Nothing is decoded: whatever a parser of queries tells apart has entries of its own.
 *
 * @param names of the parameters that count; absent: all of them
 */
export function defaultKeyText(request: HttpRequest, names?: readonly string[]): string {
  return `response:${urlText(request.originalUrl ?? request.url, names)}`;
}

/** The URL that the router sees, where something has rewritten it; `undefined` elsewhere. */
export function rewrittenText(request: HttpRequest, names?: readonly string[]): string | undefined {
  const { url, originalUrl = url, baseUrl = '' } = request;
  // A router of Express that is mounted takes its own path away, and leaves at least a slash.
  const whole = [baseUrl + url, url.startsWith('/?') ? baseUrl + url.slice(1) : undefined];
  const isSame = url === originalUrl || whole.includes(originalUrl);
  return isSame || (url === '/' && baseUrl === originalUrl) ? undefined : urlText(url, names);
}

/**
 * What a request says in these headers, as one text: those that are absent differ from those that
 * are empty. Hashed where it may hold a secret.
 */
export function variantText(
  request: HttpRequest,
  names: readonly string[],
  isSecret: boolean,
): string {
  const values = names.map((name) => {
    const value = name === 'host' ? hostOf(request) : request.headers[name];
    return value === undefined ? '' : `=${encodeURIComponent(String(value))}`;
  });
  return isSecret ? hashed(values.join()) : shortened(values.join());
}

/** What a function made of a request, as one text. */
export function givenVariantText(given: readonly string[]): string {
  return shortened(given.map(encodeURIComponent).join());
}

/** The host that Nest goes by, which a trusted proxy may have named, and what the client sent. */
function hostOf({ hostname, headers }: HttpRequest): string | undefined {
  const sent = headers['host'] ?? headers[':authority'];
  return hostname === undefined && sent === undefined ? undefined : `${hostname} ${String(sent)}`;
}

function urlText(url: string, names: readonly string[] | undefined): string {
  const path = requestPath({ url });
  const rest = url.slice(url.indexOf(path) + path.length);
  return shortened(path) + queryOf(rest, names);
}

function queryOf(rest: string, names: readonly string[] | undefined): string {
  // What is no part of a URL that browsers send: servers do not agree on what it is.
  if (rest.includes('#')) return shortened(rest);
  const counted = names && new Set(names.map(baseName));
  const sorted = rest
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => ({ pair, name: baseName(nameOf(pair)) }))
    .filter(({ name }) => counted === undefined || counted.has(name))
    .sort((one, other) => (one.name < other.name ? -1 : Number(one.name > other.name)));
  const text = sorted.map(({ pair }) => pair).join('&');
  return text === '' ? '' : `?${shortened(text)}`;
}

function nameOf(pair: string): string {
  const [name = ''] = pair.split('=', 1);
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}

/** `a` of `a[]`, of `a[b]` and of `[a]`: parsers make one parameter of all of these. */
function baseName(name: string): string {
  return /^\[?([^[\]]*)/.exec(name)?.[1] ?? name;
}

/** A URL may be longer than a key. Nothing else can look like a hash. */
function shortened(text: string): string {
  return text.length <= MAX_READABLE && !text.startsWith(HASH) ? text : hashed(text);
}

const HASH = 'sha256-';

function hashed(text: string): string {
  return HASH + createHash('sha256').update(text).digest('base64url');
}

import { createHash } from 'node:crypto';
import type { ExecutionContext } from '@nestjs/common';
import { HOST_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
import { headerValue, type HttpRequest, requestPath } from '../../common/http/index.js';

/** Longer paths and queries are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/** What `responseKey` could have put there itself; doubled, so that it cannot be taken for that. */
const AMBIGUOUS = /\|+(?=(?:user|version|host)=|$)/g;

/** What tells entries with the same text apart. */
export interface KeyParts {
  readonly user?: string | undefined;
  readonly version?: string | undefined;
  readonly host?: string | undefined;
}

/**
 * The key of an entry. Injective: whatever a client can put into `text`, the entry for all cannot
 * look like that of a user, nor one user's like another's. Texts without such an attempt stay as
 * they are, so that they can be deleted by what they were given as.
 */
export function responseKey(text: string, parts: KeyParts): string {
  const named = Object.entries(parts).filter(([, value]) => value !== undefined);
  return [
    text.replaceAll(AMBIGUOUS, '$&$&'),
    ...named.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`),
  ].join('|');
}

/** The path and the query of a request; the order of the query's parameters does not matter. */
export function defaultKeyText(request: HttpRequest): string {
  const url = request.originalUrl ?? request.url;
  const path = requestPath(request);
  return `response:${shortened(path)}${queryOf(url.slice(path.length))}`;
}

/** Handlers may share a path because they differ in version or host. */
export function routeParts(context: ExecutionContext): KeyParts {
  const version: unknown =
    Reflect.getMetadata(VERSION_METADATA, context.getHandler()) ??
    Reflect.getMetadata(VERSION_METADATA, context.getClass());
  const host: unknown = Reflect.getMetadata(HOST_METADATA, context.getClass());
  const request = context.switchToHttp().getRequest<HttpRequest>();
  return {
    version: version === undefined ? undefined : versionText(version),
    host: host === undefined ? undefined : headerValue(request, 'host'),
  };
}

function queryOf(text: string): string {
  if (text.length <= 1) return '';
  const query = new URLSearchParams(text);
  query.sort();
  const sorted = query.toString();
  return sorted === '' ? '' : `?${shortened(sorted)}`;
}

/** Versions are texts, lists of them, or the symbol of `VERSION_NEUTRAL`. */
function versionText(version: unknown): string {
  return [version].flat().map(String).join(',');
}

/** A URL may be longer than a key. Neither a path nor a query can look like a hash. */
function shortened(text: string): string {
  if (text.length <= MAX_READABLE) return text;
  return `sha256-${createHash('sha256').update(text).digest('base64url')}`;
}

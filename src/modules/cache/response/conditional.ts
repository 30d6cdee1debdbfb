import type { HttpRequest } from '../../../common/http/index.js';
import { parseHttpDate } from './cache-control.js';

/** What a client's copy is compared by. */
export interface Validators {
  readonly etag: string | undefined;
  /** `Last-Modified`, in ms since the epoch. */
  readonly modifiedAt: number | undefined;
}

const ENTITY_TAG = /(?:W\/)?"[^"]*"/g;

/**
 * Has the client that very answer (RFC 9110, 13.1)? `If-None-Match` is compared weakly, and where it
 * is there `If-Modified-Since` does not count. `If-Match` and `If-Unmodified-Since` are no business
 * of a cache (RFC 9111, 4.3.2).
 */
export function isUnmodified(headers: HttpRequest['headers'], validators: Validators): boolean {
  const tags = headers['if-none-match'];
  if (typeof tags === 'string') return matches(tags, validators.etag);
  const since = headers['if-modified-since'];
  if (typeof since !== 'string' || validators.modifiedAt === undefined) return false;
  const time = parseHttpDate(since);
  return time !== undefined && validators.modifiedAt <= time;
}

function matches(tags: string, etag: string | undefined): boolean {
  if (tags.trim() === '*') return true;
  if (etag === undefined) return false;
  const own = opaque(etag);
  return tags === etag || (tags.match(ENTITY_TAG) ?? []).some((tag) => opaque(tag) === own);
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

import { StreamableFile } from '@nestjs/common';
import type { HttpResponse } from '../../common/http/index.js';

/** How a response stood before its handler ran. */
export interface ResponseState {
  readonly statusCode: number | undefined;
}

/** The parts of a response, Express' or Fastify's, that tell whether it may be shared. */
export interface InspectableResponse extends HttpResponse {
  readonly statusCode?: number;
  getHeader?(name: string): unknown;
}

/**
 * May the value stand for later answers? Not if it can be read only once, if the handler answered by
 * itself, or if it set what a cached value would lose: another status, a cookie, a ban on caching.
 */
export function isCacheable(
  value: unknown,
  before: ResponseState,
  response: InspectableResponse,
): boolean {
  if (value === undefined || isReadOnce(value)) return false;
  if (response.statusCode !== before.statusCode) return false;
  if (response.getHeader?.('set-cookie') !== undefined) return false;
  return !/no-store|private/i.test(String(response.getHeader?.('cache-control') ?? ''));
}

function isReadOnce(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof StreamableFile || 'pipe' in value || value instanceof ReadableStream;
}

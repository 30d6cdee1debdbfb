import { StreamableFile } from '@nestjs/common';
import type { JsonResponse } from '../../common/http/index.js';

/** How a response stood before its handler ran. */
export interface ResponseState {
  readonly statusCode: number | undefined;
  /** The headers that describe the body. Static ones are there before the handler runs. */
  readonly contentHeaders: string;
}

/** The parts of a response, Express' or Fastify's, that tell whether it may be shared. */
export interface InspectableResponse extends JsonResponse {
  readonly statusCode?: number;
  getHeader?(name: string): unknown;
  getHeaders?(): Readonly<Record<string, unknown>>;
}

export function stateOf(response: InspectableResponse): ResponseState {
  const headers = Object.entries(response.getHeaders?.() ?? {});
  const describing = headers.filter(([name]) => /^content-/i.test(name));
  return { statusCode: response.statusCode, contentHeaders: JSON.stringify(describing) };
}

/**
 * May the value stand for later answers? Not if it can be read only once, if the handler answered
 * by itself, or if it set what a cached value would lose: another status, another description of
 * the body (`Content-Type`, …), a cookie, a ban on caching.
 */
export function isCacheable(
  value: unknown,
  before: ResponseState,
  response: InspectableResponse,
): boolean {
  if (value === undefined || isReadOnce(value)) return false;
  const { statusCode, contentHeaders } = stateOf(response);
  if (statusCode !== before.statusCode || contentHeaders !== before.contentHeaders) return false;
  if (response.getHeader?.('set-cookie') !== undefined) return false;
  return !/no-store|private/i.test(String(response.getHeader?.('cache-control') ?? ''));
}

function isReadOnce(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof StreamableFile || 'pipe' in value || value instanceof ReadableStream;
}

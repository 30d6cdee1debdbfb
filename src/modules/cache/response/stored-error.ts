import { GoneException, HttpException, NotFoundException } from '@nestjs/common';
import { BackplaneError, errorKind } from '../../../common/errors/index.js';
import type { StoredError } from './stored-response.js';

/** Failures that a stale answer may hide (RFC 5861, 4). */
const FAILURES = [500, 502, 503, 504];

/** Exceptions that can be thrown again as what they were: filters go by classes. */
const MAKERS: Readonly<Record<StoredError['type'], (error: ErrorContent) => HttpException>> = {
  HttpException: ({ response, status, errorCode }) =>
    new HttpException(response, status, optionsOf(errorCode)),
  NotFoundException: ({ response, errorCode }) =>
    new NotFoundException(response, optionsOf(errorCode)),
  GoneException: ({ response, errorCode }) => new GoneException(response, optionsOf(errorCode)),
};

const TYPES: ReadonlyMap<unknown, StoredError['type']> = new Map<unknown, StoredError['type']>([
  [HttpException, 'HttpException'],
  [NotFoundException, 'NotFoundException'],
  [GoneException, 'GoneException'],
]);

/** What of an exception makes its answer. */
export type ErrorContent = Pick<StoredError, 'type' | 'status' | 'response' | 'errorCode'>;

/** `undefined` for what is no `HttpException`, or one of a class of the application's own. */
export function contentOfError(error: unknown): ErrorContent | undefined {
  if (!(error instanceof HttpException)) return undefined;
  const type = TYPES.get(error.constructor);
  if (type === undefined) return undefined;
  const response = error.getResponse() as StoredError['response'];
  return { type, status: error.getStatus(), response, errorCode: error.errorCode };
}

/** The exception anew. */
export function rebuiltError(content: ErrorContent): HttpException {
  return MAKERS[content.type](content);
}

/** Did the handler fail? Else it has answered: with 404, with 403, … */
export function isFailure(error: unknown): boolean {
  if (error instanceof HttpException) return FAILURES.includes(error.getStatus());
  if (error instanceof BackplaneError) {
    return ['internal', 'unavailable'].includes(errorKind(error));
  }
  return true;
}

function optionsOf(errorCode: string | undefined): { readonly errorCode?: string } {
  return errorCode === undefined ? {} : { errorCode };
}

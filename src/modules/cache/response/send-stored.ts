import { noBody, rawBody, setHeader, type HttpRequest } from '../../../common/http/index.js';
import { answerOf, describesBody } from './answer.js';
import { type CacheOutcome, setOutcome } from './cache-status.js';
import { addVary, isForNobodyElse, type LiveResponse } from './handler-headers.js';
import { unpackValue, valueOf } from './response-format.js';
import { rebuiltError } from './stored-error.js';
import type { Header, StoredBytes, StoredResponse } from './stored-response.js';

/** Where a stored answer goes. */
export interface Target {
  readonly request: HttpRequest;
  readonly response: LiveResponse;
  /** Goes what is returned over the wire as it is? */
  readonly isFinal: boolean;
}

/**
 * Prepares the response, and gives what is to be returned as if by the handler.
 *
 * @throws HttpException for a stored one
 */
export function sendStored(target: Target, stored: StoredResponse, outcome: CacheOutcome): unknown {
  const { response, isFinal } = target;
  setOutcome(response, outcome);
  if (stored.kind === 'bytes' && isFinal) return sendBytes(target, stored);
  setHeaders(response, stored.headers);
  addVary(response, stored.vary);
  if (stored.kind === 'error') throw rebuiltError(stored);
  response.statusCode = stored.status;
  return stored.kind === 'value' ? unpackValue(stored) : valueOf(stored);
}

function sendBytes({ request, response }: Target, stored: StoredBytes): unknown {
  const { status, headers, vary, body } = answerOf(stored, request);
  response.statusCode = status;
  setHeaders(response, headers);
  addVary(response, vary);
  if (body !== undefined) return rawBody(response, body);
  // Nest has set the static ones.
  for (const [name] of stored.headers) if (describesBody(name)) response.removeHeader?.(name);
  return noBody(response, request.method);
}

/** What middleware has said of this very request is not made looser. */
function setHeaders(response: LiveResponse, headers: readonly Header[]): void {
  const isStrict = isForNobodyElse(response.getHeader?.('cache-control'));
  for (const [name, value] of headers) {
    if (!(isStrict && name === 'cache-control')) setHeader(response, name, value);
  }
}

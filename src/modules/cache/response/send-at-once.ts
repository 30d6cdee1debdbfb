import type { ServerResponse } from 'node:http';
import type { HttpRequest } from '../../../common/http/index.js';
import { type Answer, answerOf } from './answer.js';
import { type CacheOutcome, outcomeFields } from './cache-status.js';
import { isForNobodyElse, type LiveResponse, varyWith } from './handler-headers.js';
import type { StoredBytes } from './stored-response.js';

type HeaderFields = Record<string, string | readonly string[]>;

/** The part of a reply of Fastify that is used. */
interface FastifyReply extends LiveResponse {
  readonly raw: Pick<ServerResponse, 'writeHead' | 'end'>;
  /** A copy. */
  getHeaders(): HeaderFields;
}

/** Of an answer, for all who get it: made once for each. */
const fieldsOf = new WeakMap<Answer, Readonly<HeaderFields>>();

/** Is it not one of Express, which is one of Node itself? */
export function isFastifyReply(response: LiveResponse): response is FastifyReply {
  return 'raw' in response;
}

/**
 * Sends a stored answer past what Fastify does between a handler and the wire, which costs more than
 * all the rest. Same status, header fields (names in lower case) and
 * bytes as `sendStored`; `onSend` hooks do not run.
 */
export function sendAtOnce(
  request: HttpRequest,
  reply: FastifyReply,
  { stored, outcome }: { readonly stored: StoredBytes; readonly outcome: CacheOutcome },
): void {
  const answer = answerOf(stored, request);
  const given = reply.getHeaders();
  const { vary, 'cache-control': control } = given;
  const fields = Object.assign(given, outcomeFields(outcome), fixedFields(answer));
  if (vary !== undefined && answer.vary.length > 0) fields['vary'] = varyWith(vary, answer.vary);
  if (control !== undefined && isForNobodyElse(control)) fields['cache-control'] = control;
  reply.raw.writeHead(answer.status, fields as Record<string, string | string[]>);
  const { body } = answer;
  reply.raw.end(request.method === 'HEAD' ? undefined : (body?.text ?? body?.bytes));
}

function fixedFields(answer: Answer): Readonly<HeaderFields> {
  const known = fieldsOf.get(answer);
  if (known !== undefined) return known;
  const { headers, vary, body } = answer;
  const fields: HeaderFields = Object.fromEntries(headers);
  if (vary.length > 0) fields['vary'] = varyWith(undefined, vary);
  if (body !== undefined) fields['content-length'] = String(body.bytes.length);
  fieldsOf.set(answer, fields);
  return fields;
}

import { HttpException } from '@nestjs/common';
import { loadPeer, MissingPeerError } from '../../../common/errors/index.js';
import { toSeconds } from '../../../common/time/index.js';
import { decisive } from '../decisive.js';
import { RateLimitExceededException } from './rate-limit.response.js';
import type { LimitedKind } from './request-context.js';

type WsExceptionClass = new (error: object) => Error;

/** In a variable, so that the compiler does not ask for a package that few have. */
const PACKAGE: string = '@nestjs/websockets';

/** What a refusal over HTTP has to be for clients of that kind to get to know its reason. */
export async function refusalFor(kind: LimitedKind, error: unknown): Promise<unknown> {
  if (!(error instanceof HttpException) || kind === 'http') return error;
  return kind === 'ws' ? asWsException(error) : withExtensions(error);
}

/** Clients of GraphQL get no status and no header of a field; `extensions` are what tells errors apart. */
function withExtensions(error: HttpException): HttpException {
  const status = error.getStatus();
  if (error instanceof RateLimitExceededException) {
    const retryAfter = toSeconds(decisive(error.outcome)?.retryAfterMs ?? 0);
    const extensions = { code: 'E_RATE_LIMITED', status, retry_after: retryAfter };
    return Object.assign(error, { extensions });
  }
  const code: unknown = Reflect.get(Object(error.getResponse()), 'code');
  return code === undefined ? error : Object.assign(error, { extensions: { code, status } });
}

/**
 * An `exception` event with the body. The filter of gateways shows the text of nothing but its own
 * `WsException`.
 */
async function asWsException(error: HttpException): Promise<unknown> {
  const WsException = await wsExceptionClass();
  if (WsException === undefined) return error;
  const said = error.getResponse();
  const body = typeof said === 'object' ? said : { message: said };
  return Object.assign(new WsException({ status: 'error', ...body }), { cause: error });
}

/** Absent where messages come from an adapter that does without the package. */
async function wsExceptionClass(): Promise<WsExceptionClass | undefined> {
  try {
    const peer: unknown = await loadPeer('A limit of a gateway', PACKAGE, () => import(PACKAGE));
    const found: unknown =
      typeof peer === 'object' && peer !== null ? Reflect.get(peer, 'WsException') : undefined;
    return isClass(found) ? found : undefined;
  } catch (error) {
    if (error instanceof MissingPeerError) return undefined;
    throw error;
  }
}

function isClass(value: unknown): value is WsExceptionClass {
  return typeof value === 'function';
}

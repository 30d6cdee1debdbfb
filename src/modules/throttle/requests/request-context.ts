import type { ExecutionContext } from '@nestjs/common';
import type { HttpRequest, HttpResponse } from '../../../common/http/index.js';

/** A request with what answers it. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** The kinds of calls that are limited; of a message from a broker nobody waits for the answer. */
export type LimitedKind = 'http' | 'graphql' | 'ws';

/** `undefined`: calls of this kind are not limited. */
export function limitedKind(context: ExecutionContext): LimitedKind | undefined {
  const kind = context.getType<string>();
  return kind === 'http' || kind === 'graphql' || kind === 'ws' ? kind : undefined;
}

/**
 * The request of a call, and the response where it has one that headers can be set on:
 *
 * - GraphQL: from the context of the operation, `{ req, res }` or `{ request, reply }`
 * - WebSocket: made of the client: its address, and headers and URL of its handshake as far as they
 *   are known; there is no response
 */
export function exchangeOf(context: ExecutionContext, kind: 'graphql' | 'ws'): Exchange {
  if (kind === 'ws') return { request: requestOfClient(context.getArgByIndex(0)), response: {} };
  const operation: unknown = context.getArgByIndex(2);
  const reply = first(operation, ['res', 'reply', 'response']);
  const request =
    first(operation, ['req', 'request']) ??
    first(reply, ['request']) ??
    first(first(operation, ['extra']), ['request']);
  // Apollo is given the request alone; that of Express knows its response.
  const response = reply ?? first(request, ['res']);
  return { request: requestOf(request), response: isObject(response) ? response : {} };
}

/** One of a platform has an address; one of Node, as behind GraphQL subscriptions, a socket. */
function requestOf(request: unknown): HttpRequest {
  return isObject(request) && 'ip' in request && isHttpRequest(request)
    ? request
    : madeRequest(request, first(request, ['socket']));
}

/** Of socket.io, or of `ws`. */
function requestOfClient(client: unknown): HttpRequest {
  const handshake = first(client, ['handshake', 'upgradeReq', 'request']);
  const socket = first(client, ['_socket']) ?? first(handshake, ['socket']);
  const user = first(client, ['user']) ?? first(first(client, ['data']), ['user']);
  return { ...madeRequest(handshake, socket), user };
}

/** @param source what knows headers and URL @param socket what knows the address */
function madeRequest(source: unknown, socket: unknown): HttpRequest {
  const address = text(source, 'address') ?? text(socket, 'remoteAddress');
  const headers = first(source, ['headers']);
  return {
    method: text(source, 'method') ?? 'GET',
    url: text(source, 'url') ?? '/',
    headers: isHeaders(headers) ? headers : {},
    ...(address === undefined ? {} : { ip: address }),
  };
}

/** The first of these properties that is there. */
function first(owner: unknown, names: readonly string[]): unknown {
  if (!isObject(owner)) return undefined;
  return names.map((name): unknown => Reflect.get(owner, name)).find(isThere);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function text(owner: unknown, name: string): string | undefined {
  const value = first(owner, [name]);
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isHttpRequest(value: object): value is HttpRequest {
  return 'method' in value && 'url' in value && 'headers' in value;
}

function isHeaders(value: unknown): value is HttpRequest['headers'] {
  return isObject(value);
}

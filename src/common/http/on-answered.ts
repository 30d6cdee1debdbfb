import type { ServerResponse } from 'node:http';
import type { HttpResponse } from './http-exchange.js';

/** A response of Express is one of Node, one of Fastify has it. */
type NodeResponse = Pick<
  ServerResponse,
  'once' | 'statusCode' | 'destroyed' | 'writableFinished' | 'writableEnded'
>;

/**
 * Calls `listener` with the status when the answer is out. Not where the connection ends before,
 * when nobody knows what the client got.
 */
export function onAnswered(response: HttpResponse, listener: (status: number) => void): void {
  const node = nodeResponse(response);
  node?.once('finish', () => {
    // Node tells of a finish also where the headers were out, and the client gone, before the end.
    if (!node.destroyed) listener(node.statusCode);
  });
}

/**
 * Calls `listener` once when the exchange is over: the answer is out, or the connection ended before,
 * also where that was so already. Never for what is no response of a server.
 */
export function onEnded(response: HttpResponse, listener: () => void): void {
  const node = nodeResponse(response);
  if (node === undefined) return;
  let isOver = false;
  const end = (): void => {
    if (!isOver) listener();
    isOver = true;
  };
  if (node.destroyed || node.writableFinished) end();
  else node.once('finish', end).once('close', end);
}

/**
 * Calls `listener` once when nothing can be added to the answer any more: all of it was handed to the
 * connection, however slowly the client reads, or that has ended, also where that was so already.
 * Never for what is no response of a server.
 */
export function onHandedOver(response: HttpResponse, listener: () => void): void {
  const node = nodeResponse(response);
  if (node === undefined) return;
  if (node.destroyed || node.writableEnded) listener();
  else onceOf(listener, (end) => node.once('prefinish', end).once('close', end));
}

function onceOf(listener: () => void, listen: (end: () => void) => unknown): void {
  let isOver = false;
  listen(() => {
    if (!isOver) listener();
    isOver = true;
  });
}

function nodeResponse(response: HttpResponse): NodeResponse | undefined {
  const node: unknown = Reflect.get(response, 'raw') ?? response;
  return isNodeResponse(node) ? node : undefined;
}

function isNodeResponse(value: unknown): value is NodeResponse {
  return typeof value === 'object' && value !== null && 'once' in value && 'statusCode' in value;
}

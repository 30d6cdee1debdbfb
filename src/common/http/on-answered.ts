import type { ServerResponse } from 'node:http';
import type { HttpResponse } from './http-exchange.js';

/** A response of Express is one of Node, one of Fastify has it. */
type NodeResponse = Pick<ServerResponse, 'once' | 'statusCode' | 'destroyed'>;

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

function nodeResponse(response: HttpResponse): NodeResponse | undefined {
  const node: unknown = Reflect.get(response, 'raw') ?? response;
  return isNodeResponse(node) ? node : undefined;
}

function isNodeResponse(value: unknown): value is NodeResponse {
  return typeof value === 'object' && value !== null && 'once' in value && 'statusCode' in value;
}

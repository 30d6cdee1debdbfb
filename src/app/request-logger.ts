import type { ServerResponse } from 'node:http';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { currentRequest, runInRequest } from '../common/context/index.js';
import { onEveryRequest, type RequestHook, requestPath } from '../common/http/index.js';

/** Writes one line for each answered request: method, path, status, time. Never the query. */
@Injectable()
export class RequestLogger implements OnModuleInit {
  readonly #logger = new Logger('Request');

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    onEveryRequest(this.host.httpAdapter, this.#log);
  }

  readonly #log: RequestHook = (request, response, next) => {
    const startedAt = performance.now();
    const context = currentRequest();
    const raw = rawResponse(response);
    const write = (): void => {
      this.#logger.log({
        msg: 'request',
        method: request.method,
        path: requestPath(request),
        status: raw.statusCode,
        duration_ms: Math.round((performance.now() - startedAt) * 100) / 100,
      });
    };
    // The event comes from the socket, outside the request's async context.
    raw.once('finish', () => (context === undefined ? write() : runInRequest(context, write)));
    next();
  };
}

/** Node's own response: what Express hands out, and what Fastify's reply wraps. */
function rawResponse(response: object): ServerResponse {
  return ('raw' in response ? response.raw : response) as ServerResponse;
}

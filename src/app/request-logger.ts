import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { ServerResponse } from 'node:http';
import { currentRequest, runInRequest } from '../common/context/index.js';
import { type HttpRequest, requestPath } from '../common/http/index.js';

/** Writes one line for each answered request: method, path, status, time. Never the query. */
@Injectable()
export class RequestLogger implements OnModuleInit {
  readonly #logger = new Logger('Request');

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const { httpAdapter } = this.host;
    if (httpAdapter.getType() !== 'fastify') {
      httpAdapter.use(this.#log);
      return;
    }
    httpAdapter
      .getInstance<HookableServer>()
      .addHook('onRequest', (request, reply, next) => this.#log(request, reply.raw, next));
  }

  readonly #log = (request: HttpRequest, response: ServerResponse, next: () => void): void => {
    const startedAt = performance.now();
    const context = currentRequest();
    const write = (): void => {
      this.#logger.log({
        msg: 'request',
        method: request.method,
        path: requestPath(request),
        status: response.statusCode,
        duration_ms: Math.round((performance.now() - startedAt) * 100) / 100,
      });
    };
    // The event comes from the socket, outside the request's async context.
    response.once('finish', () => (context === undefined ? write() : runInRequest(context, write)));
    next();
  };
}

/** The part of a Fastify instance that is used. */
interface HookableServer {
  addHook(
    name: 'onRequest',
    hook: (request: HttpRequest, reply: { raw: ServerResponse }, next: () => void) => void,
  ): unknown;
}

import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { headerValue, setHeader } from '../http/http-exchange.js';
import { onEveryRequest, type RequestHook } from '../http/request-hook.js';
import { RedisBudget } from './redis-budget.js';
import { currentRequest, type RequestContext, runInRequest } from './request-context.js';

/** Injection token of the Redis time one request has, in ms. */
export const REQUEST_BUDGET_MS = Symbol('REQUEST_BUDGET_MS');

const REQUEST_ID_HEADER = 'X-Request-Id';

/** What is taken over from a client: short, and nothing that could break a log line or a header. */
const ACCEPTABLE_ID = /^[\w.:-]{1,128}$/;

/** Where a request keeps its context: costs less than a weak map that all are in. */
const CONTEXT = Symbol('context of the request');

/** The part of a Fastify instance that is used. */
interface HookableServer {
  addHook(name: 'preValidation', hook: RequestHook): unknown;
}

/**
 * Gives every HTTP request its context: an id, taken from `X-Request-Id` or made and answered in
 * it, and the Redis budget. Runs before body parsers and guards, on Express and on Fastify.
 */
@Injectable()
export class RequestContextBinder implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Optional() @Inject(REQUEST_BUDGET_MS) private readonly budgetMs: number | undefined,
  ) {}

  onModuleInit(): void {
    // Absent in an application context without HTTP, whatever the type says.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | null | undefined;
    if (!adapter) return;
    onEveryRequest(adapter, this.#enter);
    if (adapter.getType() === 'fastify') this.#reenter(adapter.getInstance<HookableServer>());
  }

  readonly #enter: RequestHook = (request, response, next) => {
    const asked = headerValue(request, REQUEST_ID_HEADER);
    const requestId = asked !== undefined && ACCEPTABLE_ID.test(asked) ? asked : randomUUID();
    const context = { requestId, redisBudget: new RedisBudget(this.budgetMs ?? Infinity) };
    Reflect.set(request, CONTEXT, context);
    setHeader(response, REQUEST_ID_HEADER, requestId);
    runInRequest(context, next);
  };

  /** A hook or parser of the application may have gone on outside of the context: entered again. */
  #reenter(server: HookableServer): void {
    server.addHook('preValidation', (request, _response, next) => {
      const context = contextOf(request);
      if (context === undefined || currentRequest() === context) next();
      else runInRequest(context, next);
    });
  }
}

function contextOf(request: object): RequestContext | undefined {
  return Reflect.get(request, CONTEXT) as RequestContext | undefined;
}

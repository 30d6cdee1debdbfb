import {
  type CallHandler,
  type ExecutionContext,
  GatewayTimeoutException,
  Inject,
  Injectable,
  Logger,
  type NestInterceptor,
} from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { type Observable, of } from 'rxjs';
import type { HttpRequest } from '../../../common/http/index.js';
import { CLOCK, type Clock } from '../../../common/time/index.js';
import { CacheEngine } from '../cache-engine.js';
import { type CacheAnswer, LoadRefusal } from '../cache-loader.js';
import { CACHE_OPTIONS } from '../cache.module-definition.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import { EdgeAnswers } from './edge-answers.js';
import { type CacheOutcome, hitOutcome, OUTCOME, setOutcome } from './cache-status.js';
import { type Exchange, HandlerRun } from './handler-run.js';
import { type LiveResponse, restore, stateOf } from './handler-headers.js';
import { KnownRoutes } from './known-routes.js';
import { sessionStateOf } from './session-state.js';
import { demandsOf, isAcceptable, NO_DEMANDS, type RequestDemands } from './request-demands.js';
import { RequestKeys } from './request-key.js';
import { ResponseFormat } from './response-format.js';
import type { HandlerResult } from './response-maker.js';
import { sendStored } from './send-stored.js';
import type { StoredResponse } from './stored-response.js';

/** Answers from the cache, or lets the handler answer and stores it. See `@CacheResponse`. */
@Injectable()
export class CacheResponseInterceptor implements NestInterceptor {
  readonly #routes: KnownRoutes;
  readonly #keys: RequestKeys;
  readonly #format: ResponseFormat;
  readonly #logger = new Logger('CacheResponse');

  constructor(
    @Inject(CacheEngine) private readonly engine: CacheEngine,
    @Inject(CACHE_OPTIONS) options: ResolvedCacheOptions,
    @Inject(ApplicationConfig) application: ApplicationConfig,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(EdgeAnswers) private readonly edge: EdgeAnswers,
  ) {
    const { compressAboveBytes, maxValueBytes } = options;
    this.#routes = new KnownRoutes(options, application);
    this.#keys = new RequestKeys(options);
    this.#format = new ResponseFormat({ compressAboveBytes, maxBytes: maxValueBytes });
  }

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const route = this.#routes.find(CacheResponseInterceptor, context);
    if (route === undefined) return next.handle();
    const request = context.getArgByIndex<HttpRequest>(0);
    const response = context.getArgByIndex<LiveResponse>(1);
    const selected = this.#keys.select(route, request);
    if ('why' in selected) {
      this.#logger.debug(`A request for ${route.name} bypasses the cache: ${selected.why}.`);
      return pass(response, next, selected.outcome);
    }
    const demands = route.options.honourNoCache ? demandsOf(request) : NO_DEMANDS;
    if (demands.isPrivate) return pass(response, next, OUTCOME.refused);
    const { key } = selected;
    const found = this.engine.peek(key, this.#format, route.terms.earlyRefresh);
    if (found !== undefined && isAcceptable(demands, found)) {
      if (route.options.edge) this.edge.learn(context, { route, key, format: this.#format });
      const target = { request, response, isFinal: route.isFinal };
      return of(sendStored(target, found.value, hitOutcome(found)));
    }
    return this.#answer(this.#exchange({ route, key, request, response }, next), demands);
  }

  #exchange(
    known: Pick<Exchange, 'route' | 'key' | 'request' | 'response'>,
    next: CallHandler,
  ): Exchange {
    const before = stateOf(known.response);
    // Here and not in the loader, which may run in the context of another request.
    const session = sessionStateOf(known.request);
    return { ...known, before, session, handled: next.handle(), clock: this.clock };
  }

  /** For what was not there at once, or was not what the client would have. */
  async #answer(exchange: Exchange, demands: RequestDemands): Promise<Observable<unknown>> {
    if (demands === NO_DEMANDS) return this.#load(exchange);
    const { key, response } = exchange;
    const found = await this.engine.get(key, this.#format);
    if (found !== undefined && isAcceptable(demands, found)) {
      return of(send(exchange, found.value, hitOutcome(found)));
    }
    if (demands.isOnlyIfCached) {
      setOutcome(response, OUTCOME.onlyIfCached);
      throw new GatewayTimeoutException('No stored answer does, and the client wants no other.');
    }
    if (found === undefined) return this.#load(exchange);
    return this.#load(exchange, OUTCOME.reloaded);
  }

  async #load(
    exchange: Exchange,
    ifStored: CacheOutcome = OUTCOME.stored,
  ): Promise<Observable<unknown>> {
    const { key, response } = exchange;
    const run = new HandlerRun(exchange);
    const isReload = ifStored === OUTCOME.reloaded;
    const { load: loader, terms } = run;
    const query = { key, loader, terms, format: this.#format, isReload };
    let answer: CacheAnswer<StoredResponse>;
    try {
      answer = await this.engine.getOrLoad(query);
    } catch (error) {
      if (!(error instanceof LoadRefusal)) throw error;
      return refused(exchange, run, error as LoadRefusal<HandlerResult>);
    }
    if (!answer.isFresh) {
      if (answer.value.mustRevalidate) {
        if (run.failure !== undefined) throw run.failure.error;
        return rerun(exchange);
      }
    }
    if (run.isForwarded && answer.from !== 'load') restore(response, exchange.before);
    const outcome = run.outcomeOf(answer);
    return of(send(exchange, answer.value, outcome === OUTCOME.stored ? ifStored : outcome));
  }
}

function pass(response: LiveResponse, next: CallHandler, outcome: CacheOutcome) {
  setOutcome(response, outcome);
  return next.handle();
}

function send(exchange: Exchange, stored: StoredResponse, outcome: CacheOutcome): unknown {
  const { request, response, route } = exchange;
  return sendStored({ request, response, isFinal: route.isFinal }, stored, outcome);
}

/** What a handler said is for its own request: everybody else who waited for it runs their own. */
function refused(
  exchange: Exchange,
  run: HandlerRun,
  refusal: LoadRefusal<HandlerResult>,
): Observable<unknown> {
  if (!run.refused(refusal)) return rerun(exchange);
  const { value: result } = refusal;
  if ('error' in result) throw result.error;
  return of(result.value);
}

function rerun({ response, handled }: Exchange): Observable<unknown> {
  setOutcome(response, OUTCOME.missed);
  return handled;
}

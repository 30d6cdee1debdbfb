import { Logger } from '@nestjs/common';
import { lastValueFrom, type Observable } from 'rxjs';
import { type HttpRequest, onEnded } from '../../../common/http/index.js';
import type { Clock } from '../../../common/time/index.js';
import { type CacheAnswer, type LoadContext, LoadRefusal } from '../cache-loader.js';
import {
  type CacheOutcome,
  OUTCOME,
  setOutcome,
  staleOutcome,
  hitOutcome,
} from './cache-status.js';
import { type LiveResponse, type ResponseState, stateOf } from './handler-headers.js';
import type { KnownRoute } from './known-routes.js';
import { type HandlerResult, statusOfError, storedFrom } from './response-maker.js';
import { isFailure } from './stored-error.js';
import { type Storability, storabilityOf } from './storability.js';
import type { StoredResponse } from './stored-response.js';

/** One request of a cached route that was not answered at once. */
export interface Exchange {
  readonly route: KnownRoute;
  readonly key: string;
  readonly request: HttpRequest;
  readonly response: LiveResponse;
  /** Before the handler ran, and before anything was answered. */
  readonly before: ResponseState;
  /** Runs the handler for who subscribes, in the context of its request. */
  readonly handled: Observable<unknown>;
  readonly clock: Clock;
}

const logger = new Logger('CacheResponse');

/** Runs the handler for the cache, at most once, and makes what is stored of its answer. */
export class HandlerRun {
  readonly #exchange: Exchange;
  #ran: 'not' | 'for the client' | 'in the background' = 'not';
  #refusal: LoadRefusal<HandlerResult> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Did the handler run while the client waited for its answer? */
  get isForwarded(): boolean {
    return this.#ran === 'for the client';
  }

  /** What this handler failed with. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Is that what this handler came to, rather than that of another request? */
  refused(refusal: LoadRefusal): boolean {
    return refusal === this.#refusal;
  }

  /** How the request fared that got the answer. */
  outcomeOf(answer: CacheAnswer<unknown>): CacheOutcome {
    if (!answer.isFresh) return staleOutcome(answer, this.isForwarded);
    if (answer.from !== 'load') return hitOutcome(answer);
    if (!this.isForwarded) return OUTCOME.collapsed;
    return answer.isStored ? OUTCOME.stored : OUTCOME.missed;
  }

  /**
   * The loader. In the background it waits until the answer is out, and takes nothing of it.
   *
   * @throws LoadRefusal for what is for its own request alone, or is no failure
   * @throws whatever the handler fails with
   */
  readonly load = async (context: LoadContext): Promise<StoredResponse> => {
    const { response } = this.#exchange;
    if (context.isBackground) {
      this.#ran = 'in the background';
      await new Promise<void>((resolve) => onEnded(response, resolve));
    } else {
      this.#ran = 'for the client';
      // Now, because a handler that answers by itself sends the headers.
      setOutcome(response, OUTCOME.missed);
    }
    const result = await this.#handle();
    if ('error' in result && isFailure(result.error)) {
      this.#failure = result;
      throw result.error;
    }
    return this.#store(context, result);
  };

  async #handle(): Promise<HandlerResult> {
    try {
      return { value: await lastValueFrom(this.#exchange.handled, { defaultValue: undefined }) };
    } catch (error) {
      return { error };
    }
  }

  async #store(context: LoadContext, result: HandlerResult): Promise<StoredResponse> {
    const { route, response, before } = this.#exchange;
    if (response.headersSent === true || response.sent === true) {
      if (!context.isBackground) throw this.#refuse(result, 'its handler has sent it');
    }
    const after = context.isBackground ? before : stateOf(response);
    const status = statusOf(route, result, after);
    const verdict = this.#judge(status, after);
    if (!verdict.isStorable) throw this.#refuse(result, verdict.why);
    const { mustRevalidate } = verdict;
    const answered = { route, response, before, after, status, mustRevalidate };
    const stored = await storedFrom(answered, result);
    if ('why' in stored) throw this.#refuse(result, stored.why);
    if ('value' in result) this.#describe(context, result.value);
    if (verdict.ttlMs !== undefined) context.setTtl(Math.min(verdict.ttlMs, route.terms.ttlMs));
    return stored;
  }

  #judge(status: number, after: ResponseState): Storability {
    const { route, before, clock } = this.#exchange;
    return storabilityOf(route.rules, { status, before, after, now: clock.now() });
  }

  #describe(context: LoadContext, value: unknown): void {
    const { tags } = this.#exchange.route.options;
    if (typeof tags === 'function') context.addTags(...tags(this.#exchange.request, value));
  }

  #refuse(result: HandlerResult, why: string): LoadRefusal<HandlerResult> {
    logger.debug(`An answer of ${this.#exchange.route.name} is not stored: ${why}.`);
    return (this.#refusal = new LoadRefusal(result));
  }
}

/** What the answer's status will be, when all is done. */
function statusOf(route: KnownRoute, result: HandlerResult, after: ResponseState): number {
  if ('error' in result) return statusOfError(result.error) ?? 500;
  if (route.redirect === undefined) return after.status;
  const own: unknown = Reflect.get(Object(result.value), 'statusCode');
  return typeof own === 'number' ? own : (route.redirect.statusCode ?? 302);
}

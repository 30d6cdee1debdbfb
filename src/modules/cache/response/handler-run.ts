import { Logger } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { lastValueFrom, type Observable } from 'rxjs';
import { type HttpRequest, onHandedOver } from '../../../common/http/index.js';
import type { Clock } from '../../../common/time/index.js';
import {
  type CacheAnswer,
  type EntryTerms,
  type LoadContext,
  LoadRefusal,
} from '../cache-loader.js';
import { afterMs } from '../engine/timer.js';
import {
  type CacheOutcome,
  OUTCOME,
  setOutcome,
  staleOutcome,
  hitOutcome,
} from './cache-status.js';
import { type LiveResponse, type ResponseState, stateOf } from './handler-headers.js';
import { type KnownRoute, runInForeground } from './known-routes.js';
import { type HandlerResult, statusOfError, storedFrom } from './response-maker.js';
import { hasChanged, type SessionState } from './session-state.js';
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
  /** At that time. */
  readonly session: SessionState;
  /** Runs the handler for who subscribes, in the context of its request. */
  readonly handled: Observable<unknown>;
  readonly clock: Clock;
}

const logger = new Logger('CacheResponse');

/** Whoever asks meanwhile waits for a run that has not begun. */
const LONGEST_WAIT_MS = 1_000;

/** Runs the handler for the cache, at most once, and makes what is stored of its answer. */
export class HandlerRun {
  /** How the answer is kept: as the route says, until it says more of itself. */
  readonly terms: { -readonly [Name in keyof EntryTerms]: EntryTerms[Name] };
  readonly #exchange: Exchange;
  #ran: 'not' | 'for the client' | 'in the background' = 'not';
  #refusal: LoadRefusal<HandlerResult> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.terms = { ...exchange.route.terms };
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
  outcomeOf(answer: CacheAnswer<StoredResponse>): CacheOutcome {
    if (!answer.isFresh) return staleOutcome(answer, this.isForwarded);
    if (answer.from !== 'load') return hitOutcome(answer);
    if (!this.isForwarded) return OUTCOME.collapsed;
    return answer.isStored ? OUTCOME.stored : OUTCOME.missed;
  }

  /**
   * The loader. In the background it waits until the answer is out, and takes nothing of it; a
   * handler that writes to it all the same has said something that nobody was told.
   *
   * @throws LoadRefusal for what is for its own request alone, or is no failure
   * @throws whatever the handler fails with
   */
  readonly load = async (context: LoadContext): Promise<StoredResponse> => {
    const { response } = this.#exchange;
    if (context.isBackground) {
      this.#ran = 'in the background';
      await answered(response);
    } else {
      this.#ran = 'for the client';
      // Now, because a handler that answers by itself sends the headers.
      setOutcome(response, OUTCOME.missed);
    }
    const sent = context.isBackground ? stateOf(response) : undefined;
    const result = await this.#handle();
    if (sent !== undefined && this.#hasWrittenLate(sent, result)) {
      runInForeground(this.#exchange.route);
      throw this.#refuse(result, 'its handler wrote to a response that was out already');
    }
    if ('error' in result && isFailure(result.error)) {
      this.#failure = result;
      throw result.error;
    }
    return this.#store(context, result);
  };

  #hasWrittenLate(sent: ResponseState, result: HandlerResult): boolean {
    const isRefused =
      'error' in result && Reflect.get(Object(result.error), 'code') === 'ERR_HTTP_HEADERS_SENT';
    return isRefused || !isDeepStrictEqual(stateOf(this.#exchange.response), sent);
  }

  async #handle(): Promise<HandlerResult> {
    try {
      return { value: await lastValueFrom(this.#exchange.handled, { defaultValue: undefined }) };
    } catch (error) {
      return { error };
    }
  }

  async #store(context: LoadContext, result: HandlerResult): Promise<StoredResponse> {
    const { route, response, request, before, session } = this.#exchange;
    const isSent = response.headersSent === true || response.sent === true;
    if (isSent && !context.isBackground) throw this.#refuse(result, 'its handler has sent it');
    if (hasChanged(session, request)) throw this.#refuse(result, 'it changed the session');
    const after = context.isBackground ? before : stateOf(response);
    const status = statusOf(route, result, after);
    const verdict = this.#judge(status, after);
    if (!verdict.isStorable) throw this.#refuse(result, verdict.why);
    const { mustRevalidate } = verdict;
    const answered = { route, response, before, after, status, mustRevalidate };
    const stored = await storedFrom(answered, result);
    if ('why' in stored) throw this.#refuse(result, stored.why);
    this.#describe(context, result);
    // There is nothing left of it once its time is over, and one run makes the next for all.
    if (mustRevalidate) Object.assign(this.terms, { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 });
    if (verdict.ttlMs !== undefined) context.setTtl(Math.min(verdict.ttlMs, route.terms.ttlMs));
    return stored;
  }

  #judge(status: number, after: ResponseState): Storability {
    const { route, before, clock } = this.#exchange;
    return storabilityOf(route.rules, { status, before, after, now: clock.now() });
  }

  /** What is stored without its tags could not be invalidated. */
  #describe(context: LoadContext, result: HandlerResult): void {
    const { route, request } = this.#exchange;
    const { tags } = route.options;
    if (typeof tags !== 'function') return;
    try {
      context.addTags(...tags(request, 'value' in result ? result.value : undefined));
    } catch (error) {
      logger.warn(`The tags of ${route.name} are of no use: ${String(error)}`);
      throw this.#refuse(result, 'it has no tags');
    }
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

/** When the answer is out, or has been long enough on its way. */
function answered(response: LiveResponse): Promise<void> {
  return new Promise((resolve) => {
    const stop = afterMs(LONGEST_WAIT_MS, resolve);
    onHandedOver(response, () => {
      stop();
      resolve();
    });
  });
}

import { type ExecutionContext, Logger } from '@nestjs/common';
import { runOutsideRequests } from '../../../common/context/index.js';
import { type HttpResponse, onAnswered, onEnded } from '../../../common/http/index.js';
import { type CountedCheck, isLease } from '../throttle.driver.js';
import type { ThrottleService } from '../throttle.service.js';
import { onHandlerEnd } from './call-end.interceptor.js';
import type { RequestCheck } from './request-checks.js';
import type { CountedAnswers } from './request-limit.options.js';

/** A request that was admitted, and what tells of its end. */
export interface AdmittedRequest {
  readonly checks: readonly RequestCheck[];
  /** Tells what was counted. */
  readonly counted: () => Promise<readonly (RequestCheck & CountedCheck)[]>;
  readonly response: HttpResponse;
  /** `undefined` where no handler answers. */
  readonly context: ExecutionContext | undefined;
}

/**
 * Takes back what was counted of a request and is not to stay: leases when it ends, however it does,
 * and a hit when the answer shows that it does not count. Nobody waits for it.
 */
export class RequestSettlement {
  readonly #log = new Logger(RequestSettlement.name);
  readonly #throttle: Pick<ThrottleService, 'endLeases' | 'refundChecks'>;

  constructor(throttle: Pick<ThrottleService, 'endLeases' | 'refundChecks'>) {
    this.#throttle = throttle;
  }

  /** To be called as soon as the request is admitted: what happens before it ends is not seen. */
  watch(admitted: AdmittedRequest): void {
    const { checks, context } = admitted;
    if (checks.some(({ policy }) => isLease(policy))) this.#watchEnd(admitted);
    // One answer for a whole operation, mostly 200, says nothing of its resolvers: all of them count.
    if (context?.getType<string>() === 'graphql') return;
    if (checks.some(({ count }) => count !== 'all')) this.#watchAnswer(admitted);
  }

  /** Whichever comes first: of a resolver that a guard refuses, the response is all that ends. */
  #watchEnd({ counted, response, context }: AdmittedRequest): void {
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      void runOutsideRequests(async () => this.#throttle.endLeases(await counted()));
    };
    onEnded(response, end);
    if (context !== undefined && context.getType() !== 'http') onHandlerEnd(context, end);
  }

  #watchAnswer({ counted, response }: AdmittedRequest): void {
    onAnswered(response, (status) => {
      const refund = async () =>
        this.#throttle.refundChecks(
          (await counted()).filter(({ count }) => !counts(count, status)),
        );
      // The request has its answer: it may take its time.
      runOutsideRequests(refund).catch((error: unknown) => this.#log.error(error));
    });
  }
}

function counts(answers: CountedAnswers, status: number): boolean {
  if (answers === 'failures') return status >= 400;
  return answers !== 'successes' || status < 400;
}

import { HttpException, HttpStatus } from '@nestjs/common';
import {
  type HttpRequest,
  headerValue,
  type HttpResponse,
  setHeader,
} from '../../common/http/index.js';
import { formatDuration } from '../../common/time/index.js';
import { toSeconds } from './decisive.js';
import type { ThrottleDecision, ThrottlePolicy } from './throttle.driver.js';

/** Over the limit, as an HTTP answer: 429 with the body clients of this server rely on. */
export class RateLimitExceededException extends HttpException {
  constructor(body: Readonly<Record<string, unknown>>) {
    super(body, HttpStatus.TOO_MANY_REQUESTS);
  }
}

/** The 429, as problem details (RFC 9457) where the client asks for them. */
export function rateLimitExceeded(
  exchange: { readonly request: HttpRequest; readonly response: HttpResponse },
  decision: ThrottleDecision,
  policy: ThrottlePolicy | undefined,
): RateLimitExceededException {
  const window = policy === undefined ? '' : `/${windowName(policy.windowMs)}`;
  const message = `Too many requests. Limit: ${decision.limit}${window}`;
  const retryAfter = toSeconds(decision.retryAfterMs);
  if (!acceptsProblem(exchange.request)) {
    return new RateLimitExceededException({
      error: 'Rate limit exceeded',
      message,
      retry_after: retryAfter,
    });
  }
  setHeader(exchange.response, 'Content-Type', 'application/problem+json');
  return new RateLimitExceededException({
    type: 'about:blank',
    title: 'Rate limit exceeded',
    status: HttpStatus.TOO_MANY_REQUESTS,
    detail: message,
    retry_after: retryAfter,
  });
}

const WINDOW_NAMES: Readonly<Record<number, string>> = {
  1_000: 's',
  60_000: 'min',
  3_600_000: 'hour',
  86_400_000: 'day',
};

function windowName(windowMs: number): string {
  return WINDOW_NAMES[windowMs] ?? formatDuration(windowMs).replace(/m$/, ' min');
}

function acceptsProblem(request: HttpRequest): boolean {
  return headerValue(request, 'accept')?.includes('application/problem+json') ?? false;
}

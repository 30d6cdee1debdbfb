import {
  BadRequestException,
  ForbiddenException,
  HttpStatus,
  Logger,
  ServiceUnavailableException,
} from '@nestjs/common';
import { ThrottlerException } from '@nestjs/throttler';
import { currentRequest } from '../../../common/context/index.js';
import type { ErrorCode, InvalidOptionError } from '../../../common/errors/index.js';
import {
  type ErrorBody,
  type HttpRequest,
  headerValue,
  type HttpResponse,
  setHeader,
} from '../../../common/http/index.js';
import { formatDuration, toSeconds } from '../../../common/time/index.js';
import { decisive } from '../decisive.js';
import type { Checked } from './checked.js';
import { isLease, type ThrottleOutcome, type ThrottlePolicy } from '../throttle.driver.js';
import type { ThrottleBackendDownError } from '../throttle.errors.js';

/**
 * Over the limit, as an HTTP answer: 429 with the body clients of this server rely on. Filters for
 * the exception of `@nestjs/throttler` catch it.
 */
export class RateLimitExceededException extends ThrottlerException {
  readonly #body: Readonly<Record<string, unknown>>;

  constructor(
    body: Readonly<Record<string, unknown>>,
    /** What the limits said. */
    readonly outcome: ThrottleOutcome,
  ) {
    super(messageIn(body));
    this.#body = body;
  }

  override getResponse(): object {
    return this.#body;
  }
}

/** What the error is called in logs. */
function messageIn({ message, detail }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof message === 'string') return message;
  return typeof detail === 'string' ? detail : undefined;
}

/** What the body of a 429 is made of. */
export interface RateLimitDenial {
  /** For people: `Too many requests. Limit: 100/min`. */
  readonly message: string;
  /** Whole seconds, never too few. */
  readonly retryAfter: number;
  /** Names of the limits that are used up. */
  readonly violatedPolicies: readonly string[];
  readonly outcome: ThrottleOutcome;
}

/**
 * Makes the body of a 429, at once. Where it fails, or gives no object, the usual one is sent and
 * the log has an error: a client over its limit is refused in any case.
 */
export type RateLimitBody = (
  denial: RateLimitDenial,
  request: HttpRequest,
) => Readonly<Record<string, unknown>>;

/** What the application says to it, where it says anything. */
export interface DenialWords {
  readonly body?: RateLimitBody | undefined;
  readonly message?: string | undefined;
}

/** Draft-ietf-httpapi-ratelimit-headers-11, "Quota Exceeded". */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

/** The 429, as problem details (RFC 9457) where the client asks for them. */
export function rateLimitExceeded(
  exchange: { readonly request: HttpRequest; readonly response: HttpResponse },
  checked: Checked,
  { body, message: ownMessage }: DenialWords = {},
): RateLimitExceededException {
  const denial = denialOf(checked, ownMessage);
  const { message, retryAfter, violatedPolicies, outcome } = denial;
  const own = body === undefined ? undefined : ownBody(() => body(denial, exchange.request));
  if (own !== undefined) return new RateLimitExceededException(own, outcome);
  if (!acceptsProblem(exchange.request)) {
    const plain = { error: 'Rate limit exceeded', message, retry_after: retryAfter };
    return new RateLimitExceededException(plain, outcome);
  }
  setHeader(exchange.response, 'Content-Type', 'application/problem+json');
  const problem = {
    type: QUOTA_EXCEEDED,
    title: 'Rate limit exceeded',
    status: HttpStatus.TOO_MANY_REQUESTS,
    detail: message,
    'violated-policies': violatedPolicies,
    retry_after: retryAfter,
  };
  return new RateLimitExceededException(problem, outcome);
}

/** The 403 for an address of `deny`; the same with and without the server's exception filter. */
export function addressDenied(): ForbiddenException {
  const message = 'Requests from this address are not answered.';
  return new ForbiddenException(errorBody('Forbidden', message, 'E_FORBIDDEN'));
}

/** The 503 for a limit that cannot be checked; the same with and without the filter. */
export function limitUnavailable(cause: ThrottleBackendDownError): ServiceUnavailableException {
  const body = errorBody('Service unavailable', cause.message, cause.code);
  return new ServiceUnavailableException(body, { cause });
}

/** The 400 for a request that no limit can count; the same with and without the filter. */
export function requestRefused(cause: InvalidOptionError): BadRequestException {
  return new BadRequestException(errorBody('Bad request', cause.message, cause.code), { cause });
}

function errorBody(error: string, message: string, code: ErrorCode): ErrorBody {
  return { error, message, code, request_id: currentRequest()?.requestId };
}

function denialOf({ outcome, checks }: Checked, message?: string): RateLimitDenial {
  const decision = decisive(outcome);
  const check = checks[outcome.decisions.findIndex((each) => each === decision)];
  const span = check === undefined ? '' : spanOf(check.policy);
  const violated = outcome.decisions.filter(({ allowed }) => !allowed).map(({ policy }) => policy);
  return {
    message: message ?? `Too many requests. Limit: ${decision?.limit ?? 0}${span}`,
    retryAfter: toSeconds(decision?.retryAfterMs ?? 0),
    violatedPolicies: [...new Set(violated)],
    outcome,
  };
}

const WINDOW_NAMES: Readonly<Record<number, string>> = {
  1_000: 's',
  60_000: 'min',
  3_600_000: 'hour',
  86_400_000: 'day',
};

/** What the limit is for: `/min`. */
function spanOf(policy: ThrottlePolicy): string {
  return isLease(policy) ? ' at once' : `/${windowName(policy.windowMs)}`;
}

function windowName(windowMs: number): string {
  return WINDOW_NAMES[windowMs] ?? formatDuration(windowMs).replace(/m$/, ' min');
}

const log = new Logger('RateLimitBody');

/** What the application makes; `undefined` where it does not. */
function ownBody(make: () => unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const made = make();
    if (isBody(made)) return made;
    // Of an async function, which nobody waits for: its failure is not to go unhandled.
    void Promise.resolve(made).then(() => {
      reportBody(new TypeError('it must give an object, and at once'));
    }, reportBody);
  } catch (error) {
    reportBody(error);
  }
  return undefined;
}

function reportBody(cause: unknown): void {
  const reason = cause instanceof Error ? cause.message : String(cause);
  log.error(new Error(`throttle.body failed, so the usual body was sent: ${reason}`, { cause }));
}

function isBody(made: unknown): made is Readonly<Record<string, unknown>> {
  return typeof made === 'object' && made !== null && !Array.isArray(made) && !('then' in made);
}

function acceptsProblem(request: HttpRequest): boolean {
  return headerValue(request, 'accept')?.includes('application/problem+json') ?? false;
}

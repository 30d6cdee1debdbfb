import { type ExecutionContext, Inject, Injectable, Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  ThrottlerGuard,
  type ThrottlerModuleOptions,
  ThrottlerStorage,
} from '@nestjs/throttler';
import { runOutsideRequests } from '../../common/context/index.js';
import { type HttpRequest, type HttpResponse, onAnswered } from '../../common/http/index.js';
import type { NamedLimit } from './named-limit.js';
import { addressDenied, limitUnavailable, rateLimitExceeded } from './rate-limit.response.js';
import { type RequestCheck, requestChecks } from './request-checks.js';
import type { CountedAnswers } from './request-limit.options.js';
import { RequestPolicies } from './request-policies.js';
import type { ThrottleOutcome } from './throttle.driver.js';
import { ThrottleBackendDownError } from './throttle.errors.js';
import { ThrottleService } from './throttle.service.js';

interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/**
 * Checks every HTTP request under its limits, in one round trip. Registered globally by
 * `ThrottleModule`.
 *
 * Keeps the seams of `@nestjs/throttler`: override `getTracker` to say who the client is (default:
 * the IP address, IPv6 by its network; clients without one count as one), `shouldSkip` to let
 * requests through, and give the subclass to `ThrottleModule` as its `guard`.
 *
 * @example
 * class TenantRateLimitGuard extends RateLimitGuard {
 *   protected override async getTracker(request: HttpRequest) {
 *     return tenantOf(request) ?? super.getTracker(request);
 *   }
 * }
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  readonly #log = new Logger(RateLimitGuard.name);

  constructor(
    @InjectThrottlerOptions() options: ThrottlerModuleOptions,
    @InjectThrottlerStorage() storage: ThrottlerStorage,
    @Inject(Reflector) reflector: Reflector,
    @Inject(ThrottleService) private readonly throttle: ThrottleService,
    @Inject(RequestPolicies) private readonly policies: RequestPolicies,
  ) {
    super(options, storage, reflector);
  }

  /**
   * The policies come from `ThrottleModule`; there are no throttlers of the base class to set up.
   */
  override async onModuleInit(): Promise<void> {}

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const { req, res } = this.getRequestResponse(context);
    markSeen(req);
    const exchange = { request: req as HttpRequest, response: res as HttpResponse };
    if (!this.#isLimited(exchange.request) || (await this.shouldSkip(context))) return true;
    await this.#enforce(exchange, () => this.policies.of(context, exchange.request));
    return true;
  }

  /**
   * Guards run for routes only; this checks a request that no route of Nest answers: for the
   * exception filter that gets its `NotFoundException`, and for what `outsideRouter` names. Does
   * nothing for a request that was checked already.
   *
   * @throws RateLimitExceededException @throws ForbiddenException for an address that gets nothing
   */
  async checkUnmatched(request: HttpRequest, response: HttpResponse): Promise<void> {
    if (wasSeen(request)) return;
    markSeen(request);
    if (!this.#isLimited(request)) return;
    await this.#enforce({ request, response }, () => this.policies.ofUnmatched(request));
  }

  /** Who the client is, as the subject of its counters. */
  protected override async getTracker(request: HttpRequest): Promise<string> {
    return this.policies.identity.addressOf(request);
  }

  /** @throws ForbiddenException for an address that gets nothing */
  #isLimited(request: HttpRequest): boolean {
    const admission = this.policies.access.of(request);
    if (admission === 'denied') throw addressDenied();
    return admission === 'limited';
  }

  async #enforce(exchange: Exchange, limitsOf: () => readonly NamedLimit[]): Promise<void> {
    const { request, response } = exchange;
    const { identity, headers, body } = this.policies;
    const checks = await requestChecks(limitsOf(), request, async (by) =>
      by === 'client'
        ? identity.tracked(await this.getTracker(request), request)
        : identity.subjectOf(by, request),
    );
    if (checks.length === 0) return;
    const outcome = await this.#consume(checks);
    headers.write(response, { outcome, checks });
    if (!outcome.allowed) throw rateLimitExceeded(exchange, { outcome, checks }, body);
    if (checks.some(({ count }) => count !== 'all')) this.#settle(response, outcome, checks);
  }

  /** Takes back what its answer shows not to count. */
  #settle(response: HttpResponse, outcome: ThrottleOutcome, checks: readonly RequestCheck[]): void {
    onAnswered(response, (status) => {
      const isFree = (_each: unknown, index: number) => !counts(checks[index]?.count, status);
      const decisions = outcome.decisions.filter(isFree);
      const refund = () =>
        this.throttle.refundChecks(checks.filter(isFree), { ...outcome, decisions });
      // Nobody waits for it, and the request has its answer: it may take its time.
      runOutsideRequests(refund).catch((error: unknown) => this.#log.error(error));
    });
  }

  async #consume(checks: readonly RequestCheck[]): Promise<ThrottleOutcome> {
    try {
      return await this.throttle.consumeChecks(checks);
    } catch (error) {
      if (!(error instanceof ThrottleBackendDownError)) throw error;
      throw limitUnavailable(error);
    }
  }
}

/** On requests that were checked, or may skip it: costs less than a weak set that all are in. */
const SEEN = Symbol('seen by the rate limit guard');

function markSeen(request: object): void {
  Reflect.set(request, SEEN, true);
}

function wasSeen(request: object): boolean {
  return Reflect.has(request, SEEN);
}

function counts(answers: CountedAnswers | undefined, status: number): boolean {
  if (answers === 'failures') return status >= 400;
  return answers !== 'successes' || status < 400;
}

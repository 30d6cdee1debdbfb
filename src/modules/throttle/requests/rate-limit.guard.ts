import { type ExecutionContext, Inject, Injectable, Optional } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  InjectThrottlerOptions,
  ThrottlerGuard,
  type ThrottlerModuleOptions,
} from '@nestjs/throttler';
import { InvalidOptionError } from '../../../common/errors/index.js';
import {
  DECIDE_EARLY,
  type EarlyGuard,
  type HttpRequest,
  type HttpResponse,
} from '../../../common/http/index.js';
import { EarlyDecisions } from './early-decisions.js';
import { OperationAnswers } from './operation-answers.js';
import {
  addressDenied,
  limitUnavailable,
  rateLimitExceeded,
  requestRefused,
} from './rate-limit.response.js';
import { refusalFor } from './refusal-errors.js';
import { type RequestCheck, requestChecks } from './request-checks.js';
import { type Exchange, exchangeOf, limitedKind } from './request-context.js';
import { RequestPolicies } from './request-policies.js';
import { RequestSettlement } from './request-settlement.js';
import { enforcedOf } from '../shadow-limits.js';
import type { ThrottleOutcome } from '../throttle.driver.js';
import { ThrottleBackendDownError } from '../throttle.errors.js';
import { ThrottleService } from '../throttle.service.js';
import { BackplaneThrottlerStorage } from '../nestjs-throttler/throttler.storage.js';
import {
  announced,
  type CheckedRequest,
  refusalOf,
  throttlerMessageOf,
} from '../nestjs-throttler/throttler-answer.js';
import type { ThrottlerLimits } from '../nestjs-throttler/throttler-limits.js';

/** Of `ThrottlerModule`, in its longer form. */
type TheirOptions = Exclude<ThrottlerModuleOptions, readonly unknown[]>;

/** As the base class has it. */
type RequestResponse = ReturnType<ThrottlerGuard['getRequestResponse']>;

/**
 * Checks every request under its limits, in one round trip: over HTTP, every resolver of a GraphQL
 * operation that Nest calls guards for, and every message to a gateway. Messages of microservices
 * pass. Registered globally by `ThrottleModule`; where `@UseGuards` names it as well it checks once.
 *
 * The limits of `ThrottlerModule`, `@Throttle` and `@SkipThrottle` of `@nestjs/throttler` hold
 * beside our own, and so do its seams: override `getTracker` to say who the client is (default: the
 * IP address, IPv6 by its network; clients without one count as one), `shouldSkip` to let requests
 * through, `getRequestResponse` where a context has them in another place, `generateKey` and
 * `getErrorMessage` for its throttlers. Give the subclass to `ThrottleModule` as its `guard`.
 *
 * @example
 * class TenantRateLimitGuard extends RateLimitGuard {
 *   protected override async getTracker(request: HttpRequest) {
 *     return tenantOf(request) ?? super.getTracker(request);
 *   }
 * }
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard implements EarlyGuard {
  readonly #settlement = new RequestSettlement(this.throttle);
  readonly #operations = new OperationAnswers();
  readonly #early = new EarlyDecisions();
  readonly #theirOptions: TheirOptions = Array.isArray(this.options)
    ? { throttlers: this.options }
    : this.options;
  #throttlers: ThrottlerLimits | undefined;

  constructor(
    @Optional() @InjectThrottlerOptions() options: ThrottlerModuleOptions = [],
    @Inject(BackplaneThrottlerStorage) storage: BackplaneThrottlerStorage,
    @Inject(Reflector) reflector: Reflector,
    @Inject(ThrottleService) private readonly throttle: ThrottleService,
    @Inject(RequestPolicies) private readonly policies: RequestPolicies,
  ) {
    super(options, storage, reflector);
  }

  /** Takes over what `ThrottlerModule` was given, where the application has it. */
  override async onModuleInit(): Promise<void> {
    const { throttlers, storage } = this.#theirOptions;
    // The base class would warn that nothing is limited.
    if (throttlers.length === 0) return;
    await super.onModuleInit();
    const isOwnKey = this.generateKey !== RateLimitGuard.prototype.generateKey;
    const { getTracker = (request) => this.getTracker(request as HttpRequest), ...rest } =
      this.commonOptions;
    const generateKey =
      this.#theirOptions.generateKey ?? (isOwnKey ? this.generateKey.bind(this) : undefined);
    this.#throttlers = this.policies.ofThrottlers({
      throttlers: this.throttlers,
      common: { ...rest, getTracker, generateKey },
      storage,
    });
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const kind = limitedKind(context);
    if (kind === undefined || this.#isRepeated()) return true;
    const early = this.#early.take(context.getArgByIndex<object>(0));
    if (early !== undefined) return early;
    const { req, res } = this.getRequestResponse(context);
    markSeen(req);
    const exchange = { request: req as HttpRequest, response: res as HttpResponse };
    try {
      if (!this.#isLimited(exchange.request)) return true;
      // That of the base class says no, and what is known is not waited for.
      if (this.#hasOwn('shouldSkip') && (await this.shouldSkip(context))) return true;
      await this.#enforce(exchange, context);
    } catch (error) {
      throw await refusalFor(kind, error);
    }
    return true;
  }

  /** Over HTTP: for what answers requests before they reach their route. */
  [DECIDE_EARLY](context: ExecutionContext): Promise<boolean> {
    return this.#early.make(context.getArgByIndex<object>(0), () => this.canActivate(context));
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
    await this.#enforce({ request, response });
  }

  /** Who the client is, as the subject of its counters. */
  protected override async getTracker(request: HttpRequest): Promise<string> {
    return this.policies.identity.addressOf(request, this.#theirOptions.ipv6SubnetPrefix);
  }

  protected override getRequestResponse(context: ExecutionContext): RequestResponse {
    const kind = limitedKind(context);
    if (kind === 'http' || kind === undefined) return super.getRequestResponse(context);
    const { request, response } = exchangeOf(context, kind);
    return { req: request, res: response };
  }

  /** Of `@UseGuards`, beside the global one of the same class or a subclass, which checked it. */
  #isRepeated(): boolean {
    const { globalGuard } = this.policies;
    return globalGuard !== this && globalGuard instanceof this.constructor;
  }

  /** @throws ForbiddenException for an address that gets nothing */
  #isLimited(request: HttpRequest): boolean {
    const admission = this.policies.access.of(request);
    if (admission === 'denied') throw addressDenied();
    return admission === 'limited';
  }

  /** @param context `undefined` where no handler answers */
  async #enforce(exchange: Exchange, context?: ExecutionContext): Promise<void> {
    const { request, response } = exchange;
    const asked = await this.#checksOf(request, context);
    if (asked.length === 0) return;
    const checks = enforcedOf(asked);
    const checked = refusalOf(checks) ?? { checks, outcome: await this.#consume(checks) };
    const { outcome } = checked;
    if (outcome.allowed) {
      const counted = this.throttle.countInShadow(asked, outcome);
      this.#settlement.watch({ checks: asked, counted, response, context });
    }
    const isOperation = context?.getType<string>() === 'graphql';
    const told = isOperation ? this.#operations.with(request, checked) : checked;
    this.policies.headers.write(response, announced(told));
    if (outcome.allowed) return;
    const message = await this.#messageOf(checked, context);
    throw rateLimitExceeded(exchange, checked, { body: this.policies.body, message });
  }

  #checksOf(
    request: HttpRequest,
    context: ExecutionContext | undefined,
  ): Promise<readonly RequestCheck[]> {
    const { policies } = this;
    const limits = context ? policies.of(context, request) : policies.ofUnmatched(request);
    const { identity } = policies;
    const own = requestChecks(limits, request, (by) => {
      if (by !== 'client') return identity.subjectOf(by, request);
      if (this.#hasOwn('getTracker')) return this.#tracked(request);
      return identity.addressOf(request, this.#theirOptions.ipv6SubnetPrefix);
    });
    const throttlers = this.#throttlers;
    if (throttlers === undefined || context === undefined || policies.isExempt(context)) return own;
    return Promise.all([own, throttlers.checksOf(context, request)]).then((found) => found.flat());
  }

  async #tracked(request: HttpRequest): Promise<string> {
    return this.policies.identity.tracked(await this.getTracker(request), request);
  }

  /** Was this seam overridden, or replaced in whatever way? */
  #hasOwn(seam: keyof typeof SEAMS): boolean {
    return this[seam] !== SEAMS[seam];
  }

  /** What the application says in place of our own words. */
  async #messageOf(
    checked: CheckedRequest,
    context: ExecutionContext | undefined,
  ): Promise<string | undefined> {
    if (context === undefined) return undefined;
    return throttlerMessageOf(checked, (detail) => this.getErrorMessage(context, detail));
  }

  async #consume(checks: readonly RequestCheck[]): Promise<ThrottleOutcome> {
    try {
      return await this.throttle.consumeChecks(checks);
    } catch (error) {
      if (error instanceof ThrottleBackendDownError) throw limitUnavailable(error);
      // Such as a cost beyond the limit, or a subject that is too long.
      throw error instanceof InvalidOptionError ? requestRefused(error) : error;
    }
  }
}

/** As they are where nobody has changed them. */
const SEAMS = {
  shouldSkip: Reflect.get(RateLimitGuard.prototype, 'shouldSkip') as unknown,
  getTracker: Reflect.get(RateLimitGuard.prototype, 'getTracker') as unknown,
};

/** On requests that were checked, or may skip it: costs less than a weak set that all are in. */
const SEEN = Symbol('seen by the rate limit guard');

function markSeen(request: object): void {
  Reflect.set(request, SEEN, true);
}

function wasSeen(request: object): boolean {
  return Reflect.has(request, SEEN);
}

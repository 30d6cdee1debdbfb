import {
  type ExecutionContext,
  Inject,
  Injectable,
  ServiceUnavailableException,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  InjectThrottlerOptions,
  InjectThrottlerStorage,
  ThrottlerGuard,
  type ThrottlerModuleOptions,
  ThrottlerStorage,
} from '@nestjs/throttler';
import { currentRequest } from '../../common/context/index.js';
import type { HttpRequest, HttpResponse } from '../../common/http/index.js';
import { decisive } from './decisive.js';
import { setRateLimitHeaders } from './rate-limit.headers.js';
import { rateLimitExceeded } from './rate-limit.response.js';
import { RequestPolicies } from './request-policies.js';
import type { ThrottleOutcome, ThrottlePolicy } from './throttle.driver.js';
import { ThrottleBackendDownError } from './throttle.errors.js';
import { ThrottleService } from './throttle.service.js';

/**
 * Subject of clients that no IP address is known of: all of a server on a Unix socket, and those
 * that have gone already. No IP address reads like it.
 */
const WITHOUT_ADDRESS = 'no-address';

/**
 * Checks every HTTP request under its policies, in one round trip. Registered globally by
 * `ThrottleModule`.
 *
 * Keeps the seams of `@nestjs/throttler`: override `getTracker` to say who the client is (default:
 * the IP address, IPv6 by /64; clients without one count as one), `shouldSkip` to let requests
 * through, and give the subclass to `ThrottleModule` as its `guard`.
 *
 * @example
 * class UserRateLimitGuard extends RateLimitGuard {
 *   protected override async getTracker(request: HttpRequest) {
 *     return isUser(request.user) ? `user:${request.user.id}` : super.getTracker(request);
 *   }
 * }
 */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  /** Requests that were checked, or may skip it. */
  readonly #seen = new WeakSet<object>();

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
    this.#seen.add(req);
    if (await this.shouldSkip(context)) return true;
    const exchange = { request: req as HttpRequest, response: res as HttpResponse };
    await this.#enforce(exchange, this.policies.of(context, exchange.request));
    return true;
  }

  /**
   * Guards run for routes only; this checks a request that no route of Nest answers: for the
   * exception filter that gets its `NotFoundException`, and for what `outsideRouter` names. Does
   * nothing for a request that was checked already.
   *
   * @throws RateLimitExceededException
   */
  async checkUnmatched(request: HttpRequest, response: HttpResponse): Promise<void> {
    if (this.#seen.has(request)) return;
    this.#seen.add(request);
    await this.#enforce({ request, response }, this.policies.ofUnmatched(request));
  }

  /** Who the client is, as the subject of its counters. */
  protected override async getTracker(request: HttpRequest): Promise<string> {
    return request.ip ? super.getTracker(request) : WITHOUT_ADDRESS;
  }

  async #enforce(
    exchange: { readonly request: HttpRequest; readonly response: HttpResponse },
    policies: readonly ThrottlePolicy[],
  ): Promise<void> {
    if (policies.length === 0) return;
    const outcome = await this.#consume(await this.getTracker(exchange.request), policies);
    setRateLimitHeaders(exchange.response, { outcome, policies }, this.policies.headers);
    const decision = outcome.allowed ? undefined : decisive(outcome);
    if (decision === undefined) return;
    const policy = policies.find(({ name }) => name === decision.policy);
    throw rateLimitExceeded(exchange, decision, policy);
  }

  async #consume(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    try {
      return await this.throttle.consumePolicies(subject, policies);
    } catch (error) {
      if (!(error instanceof ThrottleBackendDownError)) throw error;
      throw new ServiceUnavailableException(
        {
          error: 'Service unavailable',
          message: error.message,
          code: error.code,
          request_id: currentRequest()?.requestId,
        },
        { cause: error },
      );
    }
  }
}

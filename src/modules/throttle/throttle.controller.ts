import { Delete, Get, Inject, NotFoundException, Param } from '@nestjs/common';
import { AdminController } from '../../common/admin/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import type { Backing } from '../../common/status/index.js';
import { decisive } from './decisive.js';
import { RequestPolicies } from './request-policies.js';
import {
  type ThrottleCheck,
  ThrottleDriver,
  type ThrottleFailurePolicy,
  type ThrottlePolicy,
  type ThrottleStrategy,
} from './throttle.driver.js';

/** One limit that requests are checked under. */
export interface RateLimitPolicyBody {
  readonly name: string;
  readonly strategy: ThrottleStrategy;
  readonly limit: number;
  readonly window_ms: number;
  /** What may come at once, under a strategy that knows it. */
  readonly burst: number;
  readonly on_redis_down: ThrottleFailurePolicy;
}

/**
 * The limits that are known: those of the configuration, and those of decorators once they were
 * met.
 */
export interface RateLimitListBody {
  readonly policies: readonly RateLimitPolicyBody[];
  /** There are more. */
  readonly truncated: boolean;
}

/** How a subject stands under a limit. */
export interface RateLimitStateBody {
  readonly policy: string;
  readonly subject: string;
  /** Would the next hit pass? */
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly reset_ms: number;
  readonly retry_after_ms: number;
  readonly backing: Backing;
}

/**
 * The rate limits, for operators. Subjects are what `getTracker` says, by default the IP address.
 */
@AdminController('rate-limit')
export class ThrottleAdminController {
  constructor(
    @Inject(ThrottleDriver) private readonly driver: ThrottleDriver,
    @Inject(RequestPolicies) private readonly policies: RequestPolicies,
  ) {}

  @Get()
  list(): RateLimitListBody {
    const { known } = this.policies;
    return { policies: known.list().map(bodyOf), truncated: known.isTruncated };
  }

  /** Counts nothing. Limits that share the name answer with the one that is closest to denying. */
  @Get(':policy/:subject')
  async peek(
    @Param('policy') policy: string,
    @Param('subject') subject: string,
  ): Promise<RateLimitStateBody> {
    const policies = this.#named(policy);
    checkKeyText(subject, 'subject');
    const outcome = await this.driver.peek(checksOf(subject, policies));
    const decision = decisive(outcome);
    if (decision === undefined) throw unknownPolicy(policy);
    return {
      policy,
      subject,
      allowed: outcome.allowed,
      limit: decision.limit,
      remaining: decision.remaining,
      reset_ms: decision.resetMs,
      retry_after_ms: decision.retryAfterMs,
      backing: outcome.backing,
    };
  }

  /** Lets the subject start anew. Answers whether anything was counted. */
  @Delete(':policy/:subject')
  async reset(
    @Param('policy') policy: string,
    @Param('subject') subject: string,
  ): Promise<{ readonly reset: boolean }> {
    const policies = this.#named(policy);
    checkKeyText(subject, 'subject');
    return { reset: await this.driver.reset(checksOf(subject, policies)) };
  }

  /** @throws NotFoundException */
  #named(name: string): readonly ThrottlePolicy[] {
    const found = this.policies.known.named(name);
    if (found.length === 0) throw unknownPolicy(name);
    return found;
  }
}

function checksOf(
  subject: string,
  policies: readonly ThrottlePolicy[],
  cost = 1,
): readonly ThrottleCheck[] {
  return policies.map((policy) => ({ subject, policy, cost }));
}

function unknownPolicy(name: string): NotFoundException {
  return new NotFoundException(
    `No limit is called "${name}". Those of decorators are known from their first request on.`,
  );
}

function bodyOf({ name, strategy, limit, windowMs, burst, onRedisDown }: ThrottlePolicy) {
  return { name, strategy, limit, window_ms: windowMs, burst, on_redis_down: onRedisDown };
}

import { Inject, Injectable } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import { ThrottleDriver, type ThrottleOutcome, type ThrottlePolicy } from './throttle.driver.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import {
  type RateLimitOptions,
  resolveRateLimit,
  type ResolvedThrottleOptions,
} from './throttle.options.js';
import './throttle.events.js';

/** A limit for `ThrottleService`: a name is needed, because there is no route to take it from. */
export type NamedRateLimit = RateLimitOptions & { readonly name: string };

/**
 * Rate limits for code that is not a route: logins, mails, jobs.
 *
 * @example
 * const login = { name: 'login', limit: 5, window: '15m' } as const;
 * const outcome = await throttle.consume(`ip:${ip}`, login);
 * if (!outcome.allowed) throw new TooManyAttempts(outcome.decisions);
 */
@Injectable()
export class ThrottleService {
  constructor(
    @Inject(ThrottleDriver) private readonly driver: ThrottleDriver,
    @Inject(THROTTLE_OPTIONS) private readonly options: ResolvedThrottleOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {}

  /**
   * Counts one hit of `subject` under every limit, or under none when one is exhausted.
   *
   * @throws InvalidOptionError for a wrong limit or a subject longer than 1 kB
   * @throws ThrottleBackendDownError where Redis is away and a limit is `closed` then
   */
  async consume(subject: string, ...limits: readonly NamedRateLimit[]): Promise<ThrottleOutcome> {
    return this.consumePolicies(subject, this.#resolve(limits));
  }

  /** What `consume` would say now. Counts nothing. */
  async peek(subject: string, ...limits: readonly NamedRateLimit[]): Promise<ThrottleOutcome> {
    return this.driver.peek(subject, this.#resolve(limits));
  }

  /** Forgets the subject's hits. Resolves to whether there were any. */
  async reset(subject: string, ...limits: readonly NamedRateLimit[]): Promise<boolean> {
    return this.driver.reset(subject, this.#resolve(limits));
  }

  /** As `consume`, for policies that are validated already; what the guard calls. */
  async consumePolicies(
    subject: string,
    policies: readonly ThrottlePolicy[],
  ): Promise<ThrottleOutcome> {
    const outcome = await this.driver.consume(subject, policies);
    if (outcome.allowed) this.events.emit('throttle.allowed', { subject });
    else this.#reportBlocked(subject, outcome);
    return outcome;
  }

  #reportBlocked(subject: string, outcome: ThrottleOutcome): void {
    for (const { allowed, policy, retryAfterMs } of outcome.decisions) {
      if (!allowed) this.events.emit('throttle.blocked', { subject, policy, retryAfterMs });
    }
  }

  #resolve(limits: readonly NamedRateLimit[]): readonly ThrottlePolicy[] {
    return limits.map((limit) => {
      const policy = resolveRateLimit(limit, `rate limit ${limit.name}`);
      return {
        ...policy,
        name: limit.name,
        onRedisDown: policy.onRedisDown ?? this.options.onRedisDown,
      };
    });
  }
}

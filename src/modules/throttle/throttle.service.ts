import { Inject, Injectable } from '@nestjs/common';
import { EventStream } from '../../common/events/index.js';
import type { Duration } from '../../common/time/index.js';
import { type RateLimitOptions, resolveRateLimit } from './rate-limit.options.js';
import {
  type ThrottleDecision,
  ThrottleDriver,
  type ThrottleOutcome,
  type ThrottlePolicy,
} from './throttle.driver.js';
import { RateLimitedError } from './throttle.errors.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import type { ResolvedThrottleOptions } from './throttle.options.js';
import './throttle.events.js';

/** A limit for `ThrottleService`: a name is needed, because there is no route to take it from. */
export type NamedRateLimit = RateLimitOptions & { readonly name: string };

/** One limit, or several that hold together. */
export type NamedRateLimits = NamedRateLimit | readonly NamedRateLimit[];

export interface HitOptions {
  /** How many hits it is worth: a whole number that every limit could allow at once. @default 1 */
  readonly cost?: number;
}

/** An admitted hit, for as long as somebody holds its outcome. */
interface AdmittedHit {
  readonly subject: string;
  readonly policies: readonly ThrottlePolicy[];
  readonly cost: number;
}

/**
 * Rate limits for code that is not a route: logins, mails, jobs.
 *
 * Every method rejects with `InvalidOptionError` for a wrong limit or cost, or a subject longer
 * than 1 kB, and with `ThrottleBackendDownError` where Redis is away and a limit is `closed` then.
 *
 * @example
 * const login = { name: 'login', limit: 5, window: '15m' } as const;
 * const outcome = await throttle.consume(`ip:${ip}`, login);
 * if (!outcome.allowed) throw new TooManyAttempts(outcome.decisions);
 * if (await isPasswordRight()) await throttle.refund(outcome); // only failures count
 */
@Injectable()
export class ThrottleService {
  /** Weak: an outcome that nobody holds can be refunded by nobody. */
  readonly #admitted = new WeakMap<ThrottleOutcome, AdmittedHit>();

  constructor(
    @Inject(ThrottleDriver) private readonly driver: ThrottleDriver,
    @Inject(THROTTLE_OPTIONS) private readonly options: ResolvedThrottleOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {}

  /** Counts one hit of `subject` under every limit, or under none when one is exhausted. */
  async consume(
    subject: string,
    limits: NamedRateLimits,
    { cost = 1 }: HitOptions = {},
  ): Promise<ThrottleOutcome> {
    const policies = this.#resolve(limits);
    const outcome = await this.consumePolicies(subject, policies, cost);
    if (outcome.allowed) this.#admitted.set(outcome, { subject, policies, cost });
    return outcome;
  }

  /** What `consume` would say now. Counts nothing. */
  async peek(
    subject: string,
    limits: NamedRateLimits,
    { cost = 1 }: HitOptions = {},
  ): Promise<ThrottleOutcome> {
    return this.driver.peek(subject, this.#resolve(limits), cost);
  }

  /** Forgets the subject's hits. Resolves to whether there were any. */
  async reset(subject: string, limits: NamedRateLimits): Promise<boolean> {
    return this.driver.reset(subject, this.#resolve(limits));
  }

  /**
   * Takes back a hit that `consume` admitted, once. Resolves to whether it still counted; `false`
   * for a denied one, for one that was taken back before, and while Redis is away for one that
   * Redis counted.
   */
  async refund(outcome: ThrottleOutcome): Promise<boolean> {
    const hit = this.#admitted.get(outcome);
    // First: of two calls at the same time only one may take it back.
    if (hit === undefined || !this.#admitted.delete(outcome)) return false;
    const { subject, policies, cost } = hit;
    const { at, backing } = outcome;
    return this.driver.refund(subject, policies, { at, backing, cost });
  }

  /**
   * Runs `work` if the limits admit it. The hit stays counted, whatever `work` comes to.
   *
   * @throws RateLimitedError when they do not; otherwise what `work` throws
   */
  async withLimit<T>(
    subject: string,
    limits: NamedRateLimits,
    work: () => T | Promise<T>,
  ): Promise<T> {
    const outcome = await this.consume(subject, limits);
    if (!outcome.allowed) throw new RateLimitedError(outcome);
    return work();
  }

  /**
   * The shortest way: counts a hit of `key` under one exact limit. Calls with the same key and
   * window share a counter.
   */
  async checkRateLimit(key: string, limit: number, window: Duration): Promise<ThrottleDecision> {
    const resolved = resolveRateLimit({ limit, window }, 'rate limit');
    const policy = this.#named(resolved, `check ${resolved.windowMs} ms`);
    const { decisions } = await this.consumePolicies(key, [policy]);
    const [decision] = decisions;
    if (decision === undefined) throw new TypeError('the driver decided about nothing');
    return decision;
  }

  /** As `consume`, for policies that are validated already; what the guard calls. */
  async consumePolicies(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost = 1,
  ): Promise<ThrottleOutcome> {
    const outcome = await this.driver.consume(subject, policies, cost);
    if (outcome.allowed) this.events.emit('throttle.allowed', { subject });
    else this.#reportBlocked(subject, outcome);
    return outcome;
  }

  #reportBlocked(subject: string, outcome: ThrottleOutcome): void {
    for (const { allowed, policy, retryAfterMs } of outcome.decisions) {
      if (!allowed) this.events.emit('throttle.blocked', { subject, policy, retryAfterMs });
    }
  }

  #resolve(limits: NamedRateLimits): readonly ThrottlePolicy[] {
    return [limits].flat().map((limit) => {
      const policy = resolveRateLimit(limit, `rate limit ${limit.name}`);
      return this.#named(policy, limit.name);
    });
  }

  #named(policy: ReturnType<typeof resolveRateLimit>, name: string): ThrottlePolicy {
    return { ...policy, name, onRedisDown: policy.onRedisDown ?? this.options.onRedisDown };
  }
}

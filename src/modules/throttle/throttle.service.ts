import { Inject, Injectable, Logger } from '@nestjs/common';
import { InvalidOptionError } from '../../common/errors/index.js';
import { EventStream } from '../../common/events/index.js';
import { type Duration, parseDuration } from '../../common/time/index.js';
import { countedOf } from './counted-checks.js';
import { failurePolicyOf, type RateLimitOptions, resolveRateLimit } from './rate-limit.options.js';
import { disagreement } from './requests/shared-counters.js';
import { enforcedOf, type Counted, ShadowLimits } from './shadow-limits.js';
import {
  type CountedCheck,
  isLease,
  type ThrottleCheck,
  type ThrottleDecision,
  ThrottleDriver,
  type ThrottleOutcome,
  type ThrottlePolicy,
} from './throttle.driver.js';
import { RateLimitedError } from './throttle.errors.js';
import { THROTTLE_OPTIONS } from './throttle.module-definition.js';
import type { ResolvedThrottleOptions } from './throttle.options.js';
import './throttle.events.js';

/**
 * A limit for `ThrottleService`: a name is needed, because there is no route to take it from. The
 * object is read when it is first used, and later changes of it are not seen.
 */
export type NamedRateLimit = RateLimitOptions & {
  readonly name: string;
  /** Whose counter it is, where limits of several subjects hold together. @default that of the call */
  readonly subject?: string;
};

/** One limit, or several that hold together. */
export type NamedRateLimits = NamedRateLimit | readonly NamedRateLimit[];

export interface HitOptions {
  /** How many hits it is worth: a whole number that every limit could allow at once. @default 1 */
  readonly cost?: number;
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
  readonly #log = new Logger(ThrottleService.name);
  /** Of limits that were met: a limit is read once. */
  readonly #policies = new WeakMap<NamedRateLimit, ThrottlePolicy>();
  /** Weak: an outcome that nobody holds can be refunded by nobody. */
  readonly #admitted = new WeakMap<ThrottleOutcome, () => Counted<ThrottleCheck>>();
  readonly #shadow: ShadowLimits;

  constructor(
    @Inject(ThrottleDriver) private readonly driver: ThrottleDriver,
    @Inject(THROTTLE_OPTIONS) private readonly options: ResolvedThrottleOptions,
    @Inject(EventStream) private readonly events: EventStream,
  ) {
    this.#shadow = new ShadowLimits(driver, events);
  }

  /**
   * Counts one hit of `subject` under every limit, or under none when one is exhausted. A hit under a
   * `concurrency` limit is held until `refund`, or until its window is over. Limits in shadow decide
   * nothing and are not in the outcome.
   */
  async consume(
    subject: string,
    limits: NamedRateLimits,
    { cost = 1 }: HitOptions = {},
  ): Promise<ThrottleOutcome> {
    const checks = this.#resolve(subject, limits, cost);
    const outcome = await this.consumeChecks(enforcedOf(checks));
    if (outcome.allowed) this.#admitted.set(outcome, this.countInShadow(checks, outcome));
    return outcome;
  }

  /** What the limits say now, those in shadow as well. Counts nothing. */
  async peek(
    subject: string,
    limits: NamedRateLimits,
    { cost = 1 }: HitOptions = {},
  ): Promise<ThrottleOutcome> {
    return this.driver.peek(this.#resolve(subject, limits, cost));
  }

  /** Forgets the subject's hits. Resolves to whether there were any. */
  async reset(subject: string, limits: NamedRateLimits): Promise<boolean> {
    return this.driver.reset(this.#resolve(subject, limits));
  }

  /** Takes the subject's latest hits back, so many or as many as there are. */
  async grant(subject: string, limits: NamedRateLimits, hits: number): Promise<void> {
    await this.driver.grant(this.#resolve(subject, limits, hits));
  }

  /**
   * Denies the subject everything for so long; `reset` ends it. The limits must have `block` set.
   */
  async block(subject: string, limits: NamedRateLimits, duration: Duration): Promise<void> {
    await this.driver.block(this.#resolve(subject, limits), parseDuration(duration, 'duration'));
  }

  /**
   * Takes back a hit that `consume` admitted, once. Resolves to whether it still counted; `false`
   * for a denied one, for one that was taken back before, and while Redis is away for one that
   * Redis counted.
   */
  async refund(outcome: ThrottleOutcome): Promise<boolean> {
    const counted = this.#admitted.get(outcome);
    // First: of two calls at the same time only one may take it back.
    if (counted === undefined || !this.#admitted.delete(outcome)) return false;
    return this.refundChecks(await counted());
  }

  /**
   * Runs `work` if the limits admit it. The hit stays counted, whatever `work` comes to; under a
   * `concurrency` limit it is given back when `work` is over, and before this settles.
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
    try {
      return await work();
    } finally {
      const counted = this.#admitted.get(outcome);
      if (counted !== undefined) await this.endLeases(await counted());
    }
  }

  /**
   * The shortest way: counts a hit of `key` under one exact limit. Calls with the same key and
   * window share a counter.
   */
  async checkRateLimit(key: string, limit: number, window: Duration): Promise<ThrottleDecision> {
    const resolved = resolveRateLimit({ limit, window }, 'rate limit');
    const policy = this.#named(resolved, `check ${resolved.windowMs} ms`);
    const { decisions } = await this.consumeChecks([{ subject: key, policy, cost: 1 }]);
    const [decision] = decisions;
    if (decision === undefined) throw new TypeError('the driver decided about nothing');
    return decision;
  }

  /** As `consume`, for checks that are validated already and enforced; what the guard calls. */
  async consumeChecks(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    const outcome = await this.driver.consume(checks);
    this.#report(checks, outcome);
    return outcome;
  }

  /**
   * Counts a hit, the enforced ones of whose checks `consumeChecks` admitted, under those in shadow.
   * Nobody has to wait for it; the function that is returned tells all that counted the hit.
   */
  countInShadow<T extends ThrottleCheck>(
    checks: readonly T[],
    outcome: ThrottleOutcome,
  ): () => Counted<T> {
    const enforced = enforcedOf(checks);
    if (enforced === checks) return async () => countedOf(checks, outcome);
    const inShadow = this.#shadow.count(checks);
    return async () => [...countedOf(enforced, outcome), ...(await inShadow)];
  }

  /** Takes back what was counted; nobody but the caller sees to it that it is once. */
  async refundChecks(counted: readonly CountedCheck[]): Promise<boolean> {
    return this.driver.refund(counted);
  }

  /**
   * Gives the leases among what was counted back; the same holds for once. Never fails: one that could
   * not be given back ends with its window.
   */
  async endLeases(counted: readonly CountedCheck[]): Promise<void> {
    const held = counted.filter(({ policy }) => isLease(policy));
    if (held.length === 0) return;
    try {
      await this.refundChecks(held);
    } catch (error) {
      this.#log.error(error);
    }
  }

  #report(checks: readonly ThrottleCheck[], { allowed, decisions }: ThrottleOutcome): void {
    if (allowed) {
      this.events.emit('throttle.allowed', { subjects: checks.map(({ subject }) => subject) });
      return;
    }
    for (const [index, { allowed: passes, policy, retryAfterMs }] of decisions.entries()) {
      const { subject = '' } = checks[index] ?? {};
      if (!passes) this.events.emit('throttle.blocked', { subject, policy, retryAfterMs });
    }
  }

  #resolve(subject: string, limits: NamedRateLimits, cost = 1): readonly ThrottleCheck[] {
    const asked: readonly NamedRateLimit[] = isList(limits) ? limits : [limits];
    const checks = asked.map((limit) => {
      return { subject: limit.subject ?? subject, policy: this.#policyOf(limit), cost };
    });
    if (checks.length === 1) return checks;
    const found = disagreement(checks.map(({ policy }) => policy));
    if (found !== undefined) throw new InvalidOptionError(found.option, found.problem);
    return checks;
  }

  #policyOf(limit: NamedRateLimit): ThrottlePolicy {
    const known = this.#policies.get(limit);
    if (known !== undefined) return known;
    const { subject: _subject, ...options } = limit;
    const policy = this.#named(resolveRateLimit(options, `rate limit ${limit.name}`), limit.name);
    this.#policies.set(limit, policy);
    return policy;
  }

  #named(policy: ReturnType<typeof resolveRateLimit>, name: string): ThrottlePolicy {
    return { ...policy, name, onRedisDown: failurePolicyOf(policy, this.options.onRedisDown) };
  }
}

function isList(limits: NamedRateLimits): limits is readonly NamedRateLimit[] {
  return Array.isArray(limits);
}

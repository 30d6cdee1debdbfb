import type {
  CountedCheck,
  ThrottleCheck,
  ThrottleCounter,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleFailurePolicy,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { isBucket } from '../throttle.driver.js';
import { ThrottleBackendDownError } from '../throttle.errors.js';
import { checkCosts } from './check-input.js';

/**
 * What answers while Redis is away: each policy as its `onRedisDown` says.
 *
 * `'memory'` policies are counted by `memory` with this instance's share of the limit, so that all
 * instances together admit about the limit; the decisions report that share.
 */
export class DegradedThrottleDriver implements ThrottleDriver {
  readonly #memory: ThrottleDriver;
  readonly #instances: () => number;

  /** @param instances how many share the limits */
  constructor(memory: ThrottleDriver, instances: () => number) {
    this.#memory = memory;
    this.#instances = instances;
  }

  consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    return this.#decide(checks, (shares) => this.#memory.consume(shares));
  }

  peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    return this.#decide(checks, (shares) => this.#memory.peek(shares));
  }

  /**
   * A hit that Redis counted is not known here, and stays counted there until it leaves by itself.
   */
  refund(counted: readonly CountedCheck[]): Promise<boolean> {
    return this.#memory.refund(this.#sharesOf(counted));
  }

  grant(checks: readonly ThrottleCheck[]): Promise<void> {
    return this.#memory.grant(this.#sharesOf(checks));
  }

  /** Holds in this process, and until Redis is back. */
  block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    return this.#memory.block(counters, durationMs);
  }

  reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    return this.#memory.reset(counters);
  }

  async #decide(
    checks: readonly ThrottleCheck[],
    ask: (shares: readonly ThrottleCheck[]) => Promise<ThrottleOutcome>,
  ): Promise<ThrottleOutcome> {
    checkCosts(checks);
    const closed = checks.find(hasFailurePolicy('closed'));
    if (closed !== undefined) throw new ThrottleBackendDownError(closed.policy.name);
    const { allowed, decisions } = await ask(this.#sharesOf(checks));
    const counted = checks.filter(hasFailurePolicy('memory'));
    const ofCheck = new Map(counted.map((check, index) => [check, decisions[index]]));
    return {
      allowed,
      decisions: checks.map((check) => ofCheck.get(check) ?? unlimited(check.policy)),
      backing: counted.length > 0 ? 'memory' : 'none',
    };
  }

  /** Of the checks that memory counts. */
  #sharesOf<T extends ThrottleCheck>(checks: readonly T[]): readonly T[] {
    return checks
      .filter(hasFailurePolicy('memory'))
      .map((check) => ({ ...check, policy: this.#shareOf(check) }));
  }

  /**
   * Large enough for the hit that asks: what the policy allows must not become impossible. Of a
   * bucket that is the burst; its limit is the rate at which it fills.
   */
  #shareOf({ policy, cost }: ThrottleCheck): ThrottlePolicy {
    const { limit, burst } = policy;
    const share = (of: number, least: number): number =>
      Math.max(least, Math.floor(of / this.#instances()));
    return {
      ...policy,
      limit: share(limit, isBucket(policy) ? 1 : cost),
      burst: share(burst, cost),
    };
  }
}

function hasFailurePolicy(wanted: ThrottleFailurePolicy) {
  return ({ policy }: ThrottleCounter) => policy.onRedisDown === wanted;
}

function unlimited({ name, limit }: ThrottlePolicy): ThrottleDecision {
  const rest = { remaining: limit, resetMs: 0, retryAfterMs: 0, at: 0 };
  return { policy: name, allowed: true, limit, ...rest };
}

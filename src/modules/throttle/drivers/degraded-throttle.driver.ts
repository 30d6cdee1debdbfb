import type {
  CountedHit,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleFailurePolicy,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { ThrottleBackendDownError } from '../throttle.errors.js';
import { checkCost } from './check-cost.js';

/**
 * What answers while Redis is away: each policy as its `onRedisDown` says.
 *
 * `'memory'` policies are counted by `memory` with this instance's share of the limit, so that all
 * instances together admit about the limit; the decisions report that share.
 */
export class DegradedThrottleDriver implements ThrottleDriver {
  readonly #memory: ThrottleDriver;
  readonly #instances: number;

  constructor(memory: ThrottleDriver, instances: number) {
    this.#memory = memory;
    this.#instances = instances;
  }

  consume(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost = 1,
  ): Promise<ThrottleOutcome> {
    const ask = (shares: readonly ThrottlePolicy[]) => this.#memory.consume(subject, shares, cost);
    return this.#decide(policies, cost, ask);
  }

  peek(subject: string, policies: readonly ThrottlePolicy[], cost = 1): Promise<ThrottleOutcome> {
    const ask = (shares: readonly ThrottlePolicy[]) => this.#memory.peek(subject, shares, cost);
    return this.#decide(policies, cost, ask);
  }

  /**
   * A hit that Redis counted is not known here, and stays counted there until it leaves by itself.
   */
  refund(subject: string, policies: readonly ThrottlePolicy[], hit: CountedHit): Promise<boolean> {
    const counted = policies.filter(hasFailurePolicy('memory'));
    const shares = counted.map((policy) => this.#shareOf(policy, hit.cost));
    return this.#memory.refund(subject, shares, hit);
  }

  reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    return this.#memory.reset(subject, policies);
  }

  async #decide(
    policies: readonly ThrottlePolicy[],
    cost: number,
    ask: (shares: readonly ThrottlePolicy[]) => Promise<ThrottleOutcome>,
  ): Promise<ThrottleOutcome> {
    checkCost(cost, policies);
    const closed = policies.find(hasFailurePolicy('closed'));
    if (closed !== undefined) throw new ThrottleBackendDownError(closed.name);
    const counted = policies.filter(hasFailurePolicy('memory'));
    const shares = counted.map((policy) => this.#shareOf(policy, cost));
    const { allowed, decisions, at } = await ask(shares);
    const ofPolicy = new Map(counted.map((policy, index) => [policy, decisions[index]]));
    return {
      allowed,
      decisions: policies.map((policy) => ofPolicy.get(policy) ?? unlimited(policy)),
      backing: counted.length > 0 ? 'memory' : 'none',
      at,
    };
  }

  /** Large enough for the hit that asks: what the policy allows must not become impossible. */
  #shareOf(policy: ThrottlePolicy, cost: number): ThrottlePolicy {
    const share = (of: number): number => Math.max(cost, Math.floor(of / this.#instances));
    return { ...policy, limit: share(policy.limit), burst: share(policy.burst) };
  }
}

function hasFailurePolicy(wanted: ThrottleFailurePolicy) {
  return (policy: ThrottlePolicy) => policy.onRedisDown === wanted;
}

function unlimited({ name, limit }: ThrottlePolicy): ThrottleDecision {
  return { policy: name, allowed: true, limit, remaining: limit, resetMs: 0, retryAfterMs: 0 };
}

import type {
  ThrottleDecision,
  ThrottleDriver,
  ThrottleFailurePolicy,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { ThrottleBackendDownError } from '../throttle.errors.js';

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

  consume(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    return this.#decide(policies, (shares) => this.#memory.consume(subject, shares));
  }

  peek(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    return this.#decide(policies, (shares) => this.#memory.peek(subject, shares));
  }

  reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    return this.#memory.reset(subject, policies);
  }

  async #decide(
    policies: readonly ThrottlePolicy[],
    ask: (shares: readonly ThrottlePolicy[]) => Promise<ThrottleOutcome>,
  ): Promise<ThrottleOutcome> {
    const closed = policies.find(hasFailurePolicy('closed'));
    if (closed !== undefined) throw new ThrottleBackendDownError(closed.name);
    const counted = policies.filter(hasFailurePolicy('memory'));
    const { allowed, decisions } = await ask(counted.map((policy) => this.#shareOf(policy)));
    const ofPolicy = new Map(counted.map((policy, index) => [policy, decisions[index]]));
    return {
      allowed,
      decisions: policies.map((policy) => ofPolicy.get(policy) ?? unlimited(policy)),
      backing: counted.length > 0 ? 'memory' : 'none',
    };
  }

  #shareOf(policy: ThrottlePolicy): ThrottlePolicy {
    return { ...policy, limit: Math.max(1, Math.floor(policy.limit / this.#instances)) };
  }
}

function hasFailurePolicy(wanted: ThrottleFailurePolicy) {
  return (policy: ThrottlePolicy) => policy.onRedisDown === wanted;
}

function unlimited({ name, limit }: ThrottlePolicy): ThrottleDecision {
  return { policy: name, allowed: true, limit, remaining: limit, resetMs: 0, retryAfterMs: 0 };
}

import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  CountedHit,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { CounterStore } from './counter-store.js';
import { checkCost } from './check-cost.js';
import { createCounter } from './create-counter.js';

export interface MemoryThrottleDriverOptions {
  readonly clock: Clock;
  /** Counters kept at once; beyond it the one that was not used for longest is forgotten. */
  readonly maxCounters: number;
  /** Hits remembered at once, over all counters (a fixed window is one); beyond it the same. */
  readonly maxHits: number;
}

/** A policy of one call with the key of its counter. */
interface KeyedPolicy {
  readonly key: string;
  readonly policy: ThrottlePolicy;
}

/** Counters in this process. The cost of a hit does not depend on how many are live. */
export class MemoryThrottleDriver implements ThrottleDriver {
  readonly #clock: Clock;
  readonly #counters: CounterStore;

  constructor({ clock, ...bounds }: MemoryThrottleDriverOptions) {
    this.#clock = clock;
    this.#counters = new CounterStore(bounds);
  }

  async consume(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost = 1,
  ): Promise<ThrottleOutcome> {
    const now = this.#clock.now();
    const keyed = keysOf(subject, policies, cost);
    // Also by a hit that is denied: whoever is at the limit must not be forgotten for a newcomer.
    for (const { key } of keyed) this.#counters.touch(key);
    const before = this.#decide(keyed, cost, now);
    if (before.some(({ allowed }) => !allowed)) return outcome(before, now);
    this.#count(keyed, cost, now);
    const after = this.#decide(keyed, cost, now);
    return outcome(
      after.map((decision) => ({ ...decision, allowed: true, retryAfterMs: 0 })),
      now,
    );
  }

  async peek(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost = 1,
  ): Promise<ThrottleOutcome> {
    const now = this.#clock.now();
    return outcome(this.#decide(keysOf(subject, policies, cost), cost, now), now);
  }

  async refund(
    subject: string,
    policies: readonly ThrottlePolicy[],
    { at, cost, backing }: CountedHit,
  ): Promise<boolean> {
    const keyed = keysOf(subject, policies, cost);
    const now = this.#clock.now();
    // Where the clock was set back since, what stands under later times now is not this hit.
    if (backing !== 'memory' || at > now) return false;
    const refunded = distinct(keyed).map(({ key, policy }) => {
      const counter = this.#counters.live(key, now);
      if (counter?.state.refund({ policy, cost, now }, at) !== true) return false;
      this.#counters.weigh(counter);
      return true;
    });
    return refunded.includes(true);
  }

  async reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    const now = this.#clock.now();
    const keys = keysOf(subject, policies, 1).map(({ key }) => key);
    const hadAny = keys.some((key) => this.#counters.live(key, now) !== undefined);
    for (const key of keys) this.#counters.delete(key);
    return hadAny;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counters.clear();
  }

  #decide(keyed: readonly KeyedPolicy[], cost: number, now: number): ThrottleDecision[] {
    return keyed.map(({ key, policy }) => {
      const { state } = this.#counters.live(key, now) ?? {};
      const { remaining, resetMs, retryAfterMs } = (state ?? createCounter(policy.strategy)).read({
        policy,
        cost,
        now,
      });
      return {
        policy: policy.name,
        limit: policy.limit,
        allowed: retryAfterMs === 0,
        remaining: Math.max(0, remaining),
        resetMs,
        retryAfterMs,
      };
    });
  }

  /** Policies that share a counter count the hit once. */
  #count(keyed: readonly KeyedPolicy[], cost: number, now: number): void {
    for (const { key, policy } of distinct(keyed)) {
      const counter =
        this.#counters.live(key, now) ??
        this.#counters.insert(key, createCounter(policy.strategy), now);
      counter.expiresAt = counter.state.count({ policy, cost, now });
      this.#counters.weigh(counter);
    }
  }
}

/** The first policy of each counter. */
function distinct(keyed: readonly KeyedPolicy[]): readonly KeyedPolicy[] {
  const seen = new Set<string>();
  return keyed.filter(({ key }) => !seen.has(key) && seen.add(key));
}

/** JSON keeps the parts apart whatever characters they hold. */
function keysOf(
  subject: string,
  policies: readonly ThrottlePolicy[],
  cost: number,
): readonly KeyedPolicy[] {
  checkCost(cost, policies);
  return policies.map((policy) => {
    checkKeyText(subject, 'key');
    checkKeyText(policy.name, 'key');
    return { key: JSON.stringify([subject, policy.name, policy.strategy]), policy };
  });
}

function outcome(decisions: readonly ThrottleDecision[], at: number): ThrottleOutcome {
  const allowed = decisions.every((decision) => decision.allowed);
  return { allowed, decisions, backing: 'memory', at };
}

import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { CounterStore } from './counter-store.js';
import { createWindow } from './memory-window.js';

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

  async consume(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    const now = this.#clock.now();
    const keyed = keysOf(subject, policies);
    // Also by a hit that is denied: whoever is at the limit must not be forgotten for a newcomer.
    for (const { key } of keyed) this.#counters.touch(key);
    const before = this.#decide(keyed, now);
    if (before.some(({ allowed }) => !allowed)) return outcome(before);
    this.#count(keyed, now);
    const after = this.#decide(keyed, now);
    return outcome(after.map((decision) => ({ ...decision, allowed: true, retryAfterMs: 0 })));
  }

  async peek(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    return outcome(this.#decide(keysOf(subject, policies), this.#clock.now()));
  }

  async reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    const now = this.#clock.now();
    const keys = keysOf(subject, policies).map(({ key }) => key);
    const hadAny = keys.some((key) => this.#counters.live(key, now) !== undefined);
    for (const key of keys) this.#counters.delete(key);
    return hadAny;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counters.clear();
  }

  #decide(keyed: readonly KeyedPolicy[], now: number): ThrottleDecision[] {
    return keyed.map(({ key, policy }) => {
      const { window } = this.#counters.live(key, now) ?? {};
      const state = window?.read(policy, now) ?? { used: 0, resetMs: 0, retryAfterMs: 0 };
      return {
        policy: policy.name,
        limit: policy.limit,
        allowed: state.retryAfterMs === 0,
        remaining: Math.max(0, policy.limit - state.used),
        resetMs: state.resetMs,
        retryAfterMs: state.retryAfterMs,
      };
    });
  }

  /** Policies that share a counter count the hit once. */
  #count(keyed: readonly KeyedPolicy[], now: number): void {
    const counted = new Set<string>();
    for (const { key, policy } of keyed) {
      if (counted.has(key)) continue;
      counted.add(key);
      const counter =
        this.#counters.live(key, now) ??
        this.#counters.insert(key, createWindow(policy.strategy), now);
      counter.expiresAt = counter.window.count(policy, now);
      this.#counters.weigh(counter);
    }
  }
}

/** JSON keeps the parts apart whatever characters they hold. */
function keysOf(subject: string, policies: readonly ThrottlePolicy[]): readonly KeyedPolicy[] {
  return policies.map((policy) => {
    checkKeyText(subject, 'key');
    checkKeyText(policy.name, 'key');
    return { key: JSON.stringify([subject, policy.name, policy.strategy]), policy };
  });
}

function outcome(decisions: readonly ThrottleDecision[]): ThrottleOutcome {
  const allowed = decisions.every((decision) => decision.allowed);
  return { allowed, decisions, backing: 'memory' };
}

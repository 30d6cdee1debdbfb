import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
  ThrottlePolicy,
} from '../throttle.driver.js';
import { createWindow, type ThrottleWindow } from './memory-window.js';

export interface MemoryThrottleDriverOptions {
  readonly clock: Clock;
  /** Counters kept at once; beyond it the oldest is forgotten. */
  readonly maxCounters: number;
}

interface Counter {
  readonly window: ThrottleWindow;
  expiresAt: number;
}

/** A policy of one call with the key of its counter. */
interface KeyedPolicy {
  readonly key: string;
  readonly policy: ThrottlePolicy;
}

/** Expired counters looked for with every new one: two out for one in keeps the map from growing. */
const SWEEP_PER_INSERT = 2;

/** Counters in this process. The cost of a hit does not depend on how many are live. */
export class MemoryThrottleDriver implements ThrottleDriver {
  readonly #options: MemoryThrottleDriverOptions;
  readonly #counters = new Map<string, Counter>();
  #sweep: MapIterator<[string, Counter]> | undefined;

  constructor(options: MemoryThrottleDriverOptions) {
    this.#options = options;
  }

  async consume(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    const now = this.#options.clock.now();
    const keyed = keysOf(subject, policies);
    const before = this.#decide(keyed, now);
    if (before.some(({ allowed }) => !allowed)) return outcome(before);
    this.#count(keyed, now);
    const after = this.#decide(keyed, now);
    return outcome(after.map((decision) => ({ ...decision, allowed: true, retryAfterMs: 0 })));
  }

  async peek(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    return outcome(this.#decide(keysOf(subject, policies), this.#options.clock.now()));
  }

  async reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    const now = this.#options.clock.now();
    const keys = keysOf(subject, policies).map(({ key }) => key);
    const hadAny = keys.some((key) => this.#live(key, now) !== undefined);
    for (const key of keys) this.#counters.delete(key);
    return hadAny;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counters.clear();
  }

  #decide(keyed: readonly KeyedPolicy[], now: number): ThrottleDecision[] {
    return keyed.map(({ key, policy }) => {
      const { window } = this.#live(key, now) ?? {};
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
      const counter = this.#live(key, now) ?? this.#insert(key, policy, now);
      counter.expiresAt = counter.window.count(policy, now);
    }
  }

  /** The counter, unless its time is over; a later policy with a longer window must not revive it. */
  #live(key: string, now: number): Counter | undefined {
    const counter = this.#counters.get(key);
    return counter !== undefined && counter.expiresAt > now ? counter : undefined;
  }

  #insert(key: string, policy: ThrottlePolicy, now: number): Counter {
    this.#counters.delete(key);
    this.#removeExpired(now);
    if (this.#counters.size >= this.#options.maxCounters) this.#removeOldest();
    const counter = { window: createWindow(policy.strategy), expiresAt: now };
    this.#counters.set(key, counter);
    return counter;
  }

  #removeExpired(now: number): void {
    for (let step = 0; step < SWEEP_PER_INSERT; step += 1) {
      this.#sweep ??= this.#counters.entries();
      const { value, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else if (value[1].expiresAt <= now) this.#counters.delete(value[0]);
    }
  }

  #removeOldest(): void {
    const [oldest] = this.#counters.keys();
    if (oldest !== undefined) this.#counters.delete(oldest);
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

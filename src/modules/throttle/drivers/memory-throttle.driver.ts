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
    const before = this.#decide(subject, policies, now);
    if (before.some(({ allowed }) => !allowed)) return outcome(before);
    for (const policy of policies) this.#count(subject, policy, now);
    const after = this.#decide(subject, policies, now);
    return outcome(after.map((decision) => ({ ...decision, allowed: true, retryAfterMs: 0 })));
  }

  async peek(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome> {
    return outcome(this.#decide(subject, policies, this.#options.clock.now()));
  }

  async reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean> {
    const keys = policies.map((policy) => keyOf(subject, policy));
    return keys.filter((key) => this.#counters.delete(key)).length > 0;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counters.clear();
  }

  #decide(subject: string, policies: readonly ThrottlePolicy[], now: number): ThrottleDecision[] {
    return policies.map((policy) => {
      const counter = this.#counters.get(keyOf(subject, policy));
      const state = counter?.window.read(policy, now) ?? { used: 0, resetMs: 0, retryAfterMs: 0 };
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

  #count(subject: string, policy: ThrottlePolicy, now: number): void {
    const key = keyOf(subject, policy);
    const counter = this.#counters.get(key) ?? this.#insert(key, policy, now);
    counter.window.count(policy, now);
    counter.expiresAt = now + policy.windowMs;
  }

  #insert(key: string, policy: ThrottlePolicy, now: number): Counter {
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
function keyOf(subject: string, policy: ThrottlePolicy): string {
  checkKeyText(subject, 'key');
  checkKeyText(policy.name, 'key');
  return JSON.stringify([subject, policy.name, policy.strategy]);
}

function outcome(decisions: readonly ThrottleDecision[]): ThrottleOutcome {
  const allowed = decisions.every((decision) => decision.allowed);
  return { allowed, decisions, backing: 'memory' };
}

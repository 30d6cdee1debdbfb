import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  CountedCheck,
  ThrottleCheck,
  ThrottleCounter,
  ThrottleDecision,
  ThrottleDriver,
  ThrottleOutcome,
} from '../throttle.driver.js';
import { checkBlockable, checkCosts, isPunishing } from './check-input.js';
import { type Counter, CounterStore } from './counter-store.js';
import { createCounter } from './create-counter.js';
import { MemoryBlock } from './memory-block.js';
import type { MemoryCounter } from './memory-counter.js';

export interface MemoryThrottleDriverOptions {
  readonly clock: Clock;
  /** Counters kept at once; beyond it the one that was not used for longest is forgotten. */
  readonly maxCounters: number;
  /** Hits remembered at once, over all counters (a fixed window is one); beyond it the same. */
  readonly maxHits: number;
}

/** With the key of its counter. */
type Keyed<T> = T & { readonly key: string };

/** Counters in this process. The cost of a hit does not depend on how many are live. */
export class MemoryThrottleDriver implements ThrottleDriver {
  readonly #clock: Clock;
  readonly #counters: CounterStore<MemoryCounter>;
  readonly #blocks: CounterStore<MemoryBlock>;

  constructor({ clock, ...bounds }: MemoryThrottleDriverOptions) {
    this.#clock = clock;
    this.#counters = new CounterStore(bounds);
    this.#blocks = new CounterStore(bounds);
  }

  async consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    const now = this.#clock.now();
    const keyed = keyedChecks(checks);
    // Also by a hit that is denied: whoever is at the limit must not be forgotten for a newcomer.
    for (const { key } of keyed) this.#counters.touch(key);
    const before = this.#decide(keyed, now);
    if (before.some(({ allowed }) => !allowed)) {
      return outcome(this.#punish(keyed, before) ? this.#decide(keyed, now) : before);
    }
    for (const check of distinct(keyed)) {
      this.#store(check, now, (state) => state.count({ ...check, now }));
    }
    const after = this.#decide(keyed, now);
    return outcome(after.map((decision) => ({ ...decision, allowed: true, retryAfterMs: 0 })));
  }

  async peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    return outcome(this.#decide(keyedChecks(checks), this.#clock.now()));
  }

  async refund(counted: readonly CountedCheck[]): Promise<boolean> {
    const now = this.#clock.now();
    // Where the clock was set back since, what stands under later times now is not this hit.
    const known = keyedChecks(counted).filter(
      ({ backing, at }) => backing === 'memory' && at <= now,
    );
    const refunded = distinct(known).map((check) => {
      const counter = this.#counters.live(check.key, now);
      if (counter?.state.refund({ ...check, now }, check.at) !== true) return false;
      this.#tookBack(check.key, counter);
      return true;
    });
    return refunded.includes(true);
  }

  async grant(checks: readonly ThrottleCheck[]): Promise<void> {
    const now = this.#clock.now();
    for (const check of distinct(keyedChecks(checks))) {
      const counter = this.#counters.live(check.key, now);
      if (counter === undefined) continue;
      counter.state.grant({ ...check, now });
      this.#tookBack(check.key, counter);
    }
  }

  async block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    checkBlockable(counters);
    const now = this.#clock.now();
    for (const { key, policy } of counters.map(keyed)) {
      const block = this.#blocks.live(key, now) ?? this.#blocks.insert(key, new MemoryBlock(), now);
      block.expiresAt = block.state.set(durationMs, policy, now);
    }
  }

  async reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    const now = this.#clock.now();
    const keys = counters.map((counter) => keyed(counter).key);
    const stores = [this.#counters, this.#blocks];
    const hadAny = keys.some((key) => stores.some((store) => store.live(key, now) !== undefined));
    for (const key of keys) for (const store of stores) store.delete(key);
    return hadAny;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counters.clear();
    this.#blocks.clear();
  }

  #decide(checks: readonly Keyed<ThrottleCheck>[], now: number): ThrottleDecision[] {
    return checks.map((check) => {
      const { policy } = check;
      const state = this.#counters.live(check.key, now)?.state ?? createCounter(policy.strategy);
      const { remaining, resetMs, retryAfterMs } = state.read({ ...check, now });
      const blockedMs = this.#blockedMs(check, now);
      const waitMs = Math.max(retryAfterMs, blockedMs);
      return {
        policy: policy.name,
        limit: policy.limit,
        allowed: waitMs === 0,
        remaining: blockedMs > 0 ? 0 : Math.max(0, remaining),
        resetMs: Math.max(resetMs, blockedMs),
        retryAfterMs: waitMs,
        at: now,
      };
    });
  }

  #blockedMs(check: Keyed<ThrottleCounter>, now: number): number {
    if (!isPunishing(check.policy)) return 0;
    return this.#blocks.live(check.key, now)?.state.restMs(now) ?? 0;
  }

  /** @returns whether any denial had a consequence */
  #punish(
    checks: readonly Keyed<ThrottleCheck>[],
    decisions: readonly ThrottleDecision[],
  ): boolean {
    const now = this.#clock.now();
    const denying = checks.filter(
      (check, index) =>
        decisions[index]?.allowed === false &&
        isPunishing(check.policy) &&
        this.#blockedMs(check, now) === 0,
    );
    for (const check of distinct(denying)) {
      const { key, policy } = check;
      if (policy.penalty > 0) this.#store(check, now, (state) => state.punish({ ...check, now }));
      if (policy.block === undefined || policy.block.durationMs === 0) continue;
      const block = this.#blocks.live(key, now) ?? this.#blocks.insert(key, new MemoryBlock(), now);
      block.expiresAt = block.state.raise(policy, now);
    }
    return denying.length > 0;
  }

  /** What holds nothing any more is as if it had never been. */
  #tookBack(key: string, counter: Counter<MemoryCounter>): void {
    if (counter.state.isEmpty) this.#counters.delete(key);
    else this.#counters.weigh(counter);
  }

  /** @param change returns when nothing of the counter counts any more */
  #store(
    { key, policy }: Keyed<ThrottleCounter>,
    now: number,
    change: (state: MemoryCounter) => number,
  ): void {
    const counter =
      this.#counters.live(key, now) ??
      this.#counters.insert(key, createCounter(policy.strategy), now);
    counter.expiresAt = change(counter.state);
    this.#counters.weigh(counter);
  }
}

/** The first check of each counter: checks that share one count a hit once. */
function distinct<T extends { readonly key: string }>(checks: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  return checks.filter(({ key }) => !seen.has(key) && seen.add(key));
}

function keyedChecks<T extends ThrottleCheck>(checks: readonly T[]): readonly Keyed<T>[] {
  checkCosts(checks);
  return checks.map(keyed);
}

/** JSON keeps the parts apart whatever characters they hold. */
function keyed<T extends ThrottleCounter>(counter: T): Keyed<T> {
  const { subject, policy } = counter;
  checkKeyText(subject, 'key');
  checkKeyText(policy.name, 'key');
  return { ...counter, key: JSON.stringify([subject, policy.name, policy.strategy]) };
}

function outcome(decisions: readonly ThrottleDecision[]): ThrottleOutcome {
  const allowed = decisions.every((decision) => decision.allowed);
  return { allowed, decisions, backing: 'memory' };
}

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
import { CounterKeys } from './counter-keys.js';
import { type Counter, CounterStore } from './counter-store.js';
import { createCounter } from './create-counter.js';
import { MemoryBlock } from './memory-block.js';
import type { CounterHit, MemoryCounter } from './memory-counter.js';

export interface MemoryThrottleDriverOptions {
  readonly clock: Clock;
  /** Counters kept at once; beyond it the one that was not used for longest is forgotten. */
  readonly maxCounters: number;
  /** Hits remembered at once, over all counters (a fixed window is one); beyond it the same. */
  readonly maxHits: number;
}

/** A check at its time, with the key of its counter. */
interface KeyedHit extends CounterHit {
  readonly key: string;
}

/** Counters in this process. The cost of a hit does not depend on how many are live. */
export class MemoryThrottleDriver implements ThrottleDriver {
  readonly #clock: Clock;
  readonly #counters: CounterStore<MemoryCounter>;
  readonly #blocks: CounterStore<MemoryBlock>;
  readonly #keys = new CounterKeys();

  constructor({ clock, ...bounds }: MemoryThrottleDriverOptions) {
    this.#clock = clock;
    this.#counters = new CounterStore(bounds);
    this.#blocks = new CounterStore(bounds);
  }

  async consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    const hits = this.#hitsOf(checks);
    // Also by a hit that is denied: whoever is at the limit must not be forgotten for a newcomer.
    for (const { key } of hits) this.#counters.touch(key);
    const before = hits.map((hit) => this.#decide(hit));
    if (!before.every(isAllowed)) {
      return outcomeOf(this.#punish(hits, before) ? hits.map((hit) => this.#decide(hit)) : before);
    }
    for (const hit of distinct(hits)) this.#store(hit, (state) => state.count(hit));
    return outcomeOf(hits.map((hit) => this.#afterwards(hit)));
  }

  async peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    return outcomeOf(this.#hitsOf(checks).map((hit) => this.#decide(hit)));
  }

  async refund(counted: readonly CountedCheck[]): Promise<boolean> {
    const now = this.#clock.now();
    // Where the clock was set back since, what stands under later times now is not this hit.
    const known = counted.filter(({ backing, at }) => backing === 'memory' && at <= now);
    const madeAt = known.map(({ at }) => at);
    const hits = this.#hitsOf(known).map((hit, index) => ({ ...hit, at: madeAt[index] ?? 0 }));
    const refunded = distinct(hits).map((hit) => {
      const counter = this.#counters.live(hit.key, now);
      if (counter?.state.refund(hit, hit.at) !== true) return false;
      this.#tookBack(hit.key, counter);
      return true;
    });
    return refunded.includes(true);
  }

  async grant(checks: readonly ThrottleCheck[]): Promise<void> {
    for (const hit of distinct(this.#hitsOf(checks))) {
      const counter = this.#counters.live(hit.key, hit.now);
      if (counter === undefined) continue;
      counter.state.grant(hit);
      this.#tookBack(hit.key, counter);
    }
  }

  async block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    checkBlockable(counters);
    const now = this.#clock.now();
    for (const counter of counters) {
      const block = this.#blockOf(this.#keys.of(counter), now);
      block.expiresAt = block.state.set(durationMs, counter.policy, now);
    }
  }

  async reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    const now = this.#clock.now();
    const keys = counters.map((counter) => this.#keys.of(counter));
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

  #decide(hit: KeyedHit): ThrottleDecision {
    const { policy, now } = hit;
    const state = this.#counters.live(hit.key, now)?.state ?? createCounter(policy.strategy);
    const { remaining, resetMs, retryAfterMs } = state.read(hit);
    const blockedMs = this.#blockedMs(hit);
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
  }

  /** What a hit that was counted is told. */
  #afterwards(hit: KeyedHit): ThrottleDecision {
    const { policy, limit, remaining, resetMs, at } = this.#decide(hit);
    return { policy, limit, allowed: true, remaining, resetMs, retryAfterMs: 0, at };
  }

  #blockedMs({ key, policy, now }: KeyedHit): number {
    if (!isPunishing(policy)) return 0;
    return this.#blocks.live(key, now)?.state.restMs(now) ?? 0;
  }

  /** @returns whether any denial had a consequence */
  #punish(hits: readonly KeyedHit[], decisions: readonly ThrottleDecision[]): boolean {
    const denying = hits.filter(
      (hit, index) =>
        decisions[index]?.allowed === false &&
        isPunishing(hit.policy) &&
        this.#blockedMs(hit) === 0,
    );
    for (const hit of distinct(denying)) {
      const { key, policy, now } = hit;
      if (policy.penalty > 0) this.#store(hit, (state) => state.punish(hit));
      if (policy.block === undefined || policy.block.durationMs === 0) continue;
      const block = this.#blockOf(key, now);
      block.expiresAt = block.state.raise(policy, now);
      if (policy.block.clears) this.#counters.delete(key);
    }
    return denying.length > 0;
  }

  #blockOf(key: string, now: number): Counter<MemoryBlock> {
    return this.#blocks.live(key, now) ?? this.#blocks.insert(key, new MemoryBlock(), now);
  }

  /** What holds nothing any more is as if it had never been. */
  #tookBack(key: string, counter: Counter<MemoryCounter>): void {
    if (counter.state.isEmpty) this.#counters.delete(key);
    else this.#counters.weigh(counter);
  }

  /** @param change returns when nothing of the counter counts any more */
  #store({ key, policy, now }: KeyedHit, change: (state: MemoryCounter) => number): void {
    const counter =
      this.#counters.live(key, now) ??
      this.#counters.insert(key, createCounter(policy.strategy), now);
    counter.expiresAt = change(counter.state);
    this.#counters.weigh(counter);
  }

  #hitsOf(checks: readonly ThrottleCheck[]): readonly KeyedHit[] {
    checkCosts(checks);
    const now = this.#clock.now();
    return checks.map((check) => {
      const { policy, cost } = check;
      return { key: this.#keys.of(check), policy, cost, now };
    });
  }
}

function isAllowed({ allowed }: ThrottleDecision): boolean {
  return allowed;
}

/** The first check of each counter: checks that share one count a hit once. */
function distinct<T extends { readonly key: string }>(checks: readonly T[]): readonly T[] {
  if (checks.length <= 1) return checks;
  const seen = new Set<string>();
  return checks.filter(({ key }) => !seen.has(key) && seen.add(key));
}

function outcomeOf(decisions: readonly ThrottleDecision[]): ThrottleOutcome {
  return { allowed: decisions.every(isAllowed), decisions, backing: 'memory' };
}

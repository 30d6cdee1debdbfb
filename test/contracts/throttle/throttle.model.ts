import type { ThrottleDecision, ThrottlePolicy } from '../../../src/modules/throttle/index.js';

/** An outcome without who gave it. */
export interface ModelOutcome {
  readonly allowed: boolean;
  readonly decisions: readonly ThrottleDecision[];
}

/**
 * The contract written down as naively as possible: every admitted hit is kept for ever as a
 * timestamp, and every question filters the whole list. For a clock that only goes forward.
 */
export class ThrottleModel {
  readonly #hits = new Map<string, readonly number[]>();

  consume(subject: string, policies: readonly ThrottlePolicy[], now: number): ModelOutcome {
    const before = this.peek(subject, policies, now);
    if (!before.allowed) return before;
    const counters = new Set(policies.map((policy) => counterOf(subject, policy)));
    for (const counter of counters) {
      this.#hits.set(counter, [...(this.#hits.get(counter) ?? []), now]);
    }
    const { decisions } = this.peek(subject, policies, now);
    return {
      allowed: true,
      decisions: decisions.map((each) => ({ ...each, allowed: true, retryAfterMs: 0 })),
    };
  }

  peek(subject: string, policies: readonly ThrottlePolicy[], now: number): ModelOutcome {
    const decisions = policies.map((policy) => this.#decide(subject, policy, now));
    return { allowed: decisions.every(({ allowed }) => allowed), decisions };
  }

  reset(subject: string, policies: readonly ThrottlePolicy[], now: number): boolean {
    const used = policies.map((policy) => this.#used(subject, policy, now));
    for (const policy of policies) this.#hits.delete(counterOf(subject, policy));
    return used.some((count) => count > 0);
  }

  #decide(subject: string, policy: ThrottlePolicy, now: number): ThrottleDecision {
    const remainingAt = (time: number): number =>
      Math.max(0, policy.limit - this.#used(subject, policy, time));
    const remaining = remainingAt(now);
    const whenMore = this.#changes(subject, policy, now).find((t) => remainingAt(t) > remaining);
    const resetMs = whenMore === undefined ? 0 : whenMore - now;
    return {
      policy: policy.name,
      limit: policy.limit,
      allowed: remaining > 0,
      remaining,
      resetMs,
      retryAfterMs: remaining > 0 ? 0 : resetMs,
    };
  }

  /** Moments after `now` at which a hit may stop counting, in order. */
  #changes(subject: string, policy: ThrottlePolicy, now: number): readonly number[] {
    const hits = this.#hits.get(counterOf(subject, policy)) ?? [];
    return hits.map((hit) => hit + policy.windowMs).filter((time) => time > now);
  }

  /** Hits that count at `now`. */
  #used(subject: string, policy: ThrottlePolicy, now: number): number {
    const hits = this.#hits.get(counterOf(subject, policy)) ?? [];
    if (policy.strategy === 'sliding-window') {
      return hits.filter((hit) => hit > now - policy.windowMs).length;
    }
    const opening = lastOpening(hits, policy.windowMs);
    return opening + policy.windowMs > now ? hits.filter((hit) => hit >= opening).length : 0;
  }
}

/** A fixed window opens with the first hit that finds none open. */
function lastOpening(hits: readonly number[], windowMs: number): number {
  return hits.reduce(
    (opening, hit) => (hit >= opening + windowMs ? hit : opening),
    Number.NEGATIVE_INFINITY,
  );
}

function counterOf(subject: string, policy: ThrottlePolicy): string {
  return JSON.stringify([subject, policy.name, policy.strategy]);
}

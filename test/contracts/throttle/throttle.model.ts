import type { ThrottleDecision, ThrottlePolicy } from '../../../src/modules/throttle/index.js';

/** An outcome without who gave it, and when. */
export interface ModelOutcome {
  readonly allowed: boolean;
  readonly decisions: readonly ThrottleDecision[];
}

/** What a call is about. */
export interface ModelCall {
  readonly subject: string;
  readonly policies: readonly ThrottlePolicy[];
  readonly cost: number;
}

interface Hit {
  readonly at: number;
  readonly cost: number;
}

/**
 * The contract written down as naively as possible: every admitted hit is kept for ever, what is
 * free at a moment is worked out from all of them, and how long to wait is found by trying moments.
 * For a clock that only goes forward.
 */
export class ThrottleModel {
  readonly #hits = new Map<string, readonly Hit[]>();

  consume(call: ModelCall, now: number): ModelOutcome {
    const before = this.peek(call, now);
    if (!before.allowed) return before;
    const { subject, policies, cost } = call;
    for (const counter of new Set(policies.map((policy) => counterOf(subject, policy)))) {
      this.#hits.set(counter, [...(this.#hits.get(counter) ?? []), { at: now, cost }]);
    }
    const { decisions } = this.peek(call, now);
    return {
      allowed: true,
      decisions: decisions.map((each) => ({ ...each, allowed: true, retryAfterMs: 0 })),
    };
  }

  peek({ subject, policies, cost }: ModelCall, now: number): ModelOutcome {
    const decisions = policies.map((policy) => this.#decide(subject, policy, { at: now, cost }));
    return { allowed: decisions.every(({ allowed }) => allowed), decisions };
  }

  reset({ subject, policies }: ModelCall, now: number): boolean {
    const used = policies.map((policy) => this.#isUsed(subject, policy, now));
    for (const policy of policies) this.#hits.delete(counterOf(subject, policy));
    return used.includes(true);
  }

  #decide(subject: string, policy: ThrottlePolicy, { at, cost }: Hit): ThrottleDecision {
    const freeAt = (time: number): number => Math.max(0, this.#free(subject, policy, time));
    const waitFor = (wanted: number): number =>
      firstMoment((ms) => freeAt(at + ms) >= wanted, 6 * policy.windowMs);
    const remaining = freeAt(at);
    return {
      policy: policy.name,
      limit: policy.limit,
      allowed: remaining >= cost,
      remaining,
      resetMs: remaining < mostOf(policy) ? waitFor(remaining + 1) : 0,
      retryAfterMs: waitFor(cost),
      at,
    };
  }

  /** Of a counted window a hit may be known that counts no more, because of the rounding. */
  #isUsed(subject: string, policy: ThrottlePolicy, now: number): boolean {
    if (policy.strategy !== 'sliding-window-counter') {
      return this.#free(subject, policy, now) < mostOf(policy);
    }
    const hits = this.#hits.get(counterOf(subject, policy)) ?? [];
    const { previous, current } = windowsAt(hits, policy.windowMs, now);
    return previous + current > 0;
  }

  /** What is free at `now`; negative after a limit was lowered. */
  #free(subject: string, policy: ThrottlePolicy, now: number): number {
    const hits = this.#hits.get(counterOf(subject, policy)) ?? [];
    switch (policy.strategy) {
      case 'sliding-window':
        return policy.limit - costOf(hits, now - policy.windowMs + 1, now);
      case 'fixed-window': {
        const opening = lastOpening(hits, policy.windowMs, now);
        return policy.limit - costOf(hits, opening, opening + policy.windowMs - 1);
      }
      case 'sliding-window-counter':
        return freeBetween(hits, policy, now);
      case 'token-bucket':
      case 'gcra':
        return tokensLeft(hits, policy, now);
      default:
        return policy.strategy satisfies never;
    }
  }
}

/** The whole number from 0 to `most` from which on it holds; it never stops holding. */
function firstMoment(holds: (ms: number) => boolean, most: number): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function costOf(hits: readonly Hit[], from: number, to: number): number {
  const inside = hits.filter(({ at }) => at >= from && at <= to);
  return inside.reduce((sum, { cost }) => sum + cost, 0);
}

/** A fixed window opens with the first hit that finds none open; `now` where none is open then. */
function lastOpening(hits: readonly Hit[], windowMs: number, now: number): number {
  const opening = hits.reduce(
    (open, { at }) => (at >= open + windowMs ? at : open),
    Number.NEGATIVE_INFINITY,
  );
  return opening + windowMs > now ? opening : now;
}

function freeBetween(hits: readonly Hit[], policy: ThrottlePolicy, now: number): number {
  const { limit, windowMs } = policy;
  const { start, previous, current } = windowsAt(hits, windowMs, now);
  return limit - current - Math.floor((previous * (start + windowMs - now)) / windowMs);
}

/** Windows follow one another as long as each is used; else the next opens with the next hit. */
function windowsAt(hits: readonly Hit[], windowMs: number, now: number) {
  const start = [...hits.map(({ at }) => at), now].reduce((open, moment) => {
    let current = open;
    while (moment >= current + windowMs) {
      const isUsed = costOf(hits, current, current + windowMs - 1) > 0;
      current = isUsed ? current + windowMs : moment;
    }
    return current;
  }, hits[0]?.at ?? now);
  const previous = costOf(hits, start - windowMs, start - 1);
  return { start, previous, current: costOf(hits, start, now) };
}

/** What is missing is counted in units of 1/windowMs tokens, of which `limit` come back each ms. */
function tokensLeft(hits: readonly Hit[], policy: ThrottlePolicy, now: number): number {
  const { limit, windowMs, burst } = policy;
  let [debt, last] = [0, 0];
  for (const { at, cost } of hits) {
    debt = Math.max(0, debt - (at - last) * limit) + cost * windowMs;
    last = at;
  }
  debt = Math.max(0, debt - (now - last) * limit);
  return Math.floor((burst * windowMs - debt) / windowMs);
}

function mostOf({ strategy, limit, burst }: ThrottlePolicy): number {
  return strategy === 'token-bucket' || strategy === 'gcra' ? burst : limit;
}

function counterOf(subject: string, policy: ThrottlePolicy): string {
  return JSON.stringify([subject, policy.name, policy.strategy]);
}

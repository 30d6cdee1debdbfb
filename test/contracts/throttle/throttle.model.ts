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
  /** Its place among everything that happened. */
  readonly order: number;
  readonly takenBack?: { readonly at: number; readonly order: number };
}

/**
 * The contract written down as naively as possible: every admitted hit is kept for ever, and when it
 * was taken back, if it was. What has nothing left is as if it had never been. What is
 * free at a moment is worked out from all of them, and how long to wait is found by trying moments.
 * For a clock that only goes forward.
 */
export class ThrottleModel {
  readonly #hits = new Map<string, readonly Hit[]>();
  #order = 0;

  consume(call: ModelCall, now: number): ModelOutcome {
    const before = this.peek(call, now);
    if (!before.allowed) return before;
    const { cost } = call;
    this.#order += 1;
    for (const counter of countersOf(call).keys()) {
      const hit = { at: now, cost, order: this.#order };
      this.#hits.set(counter, [...(this.#hits.get(counter) ?? []), hit]);
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

  /** Takes back what was admitted at `at`; `false` where nothing of it counts any more. */
  refund(call: ModelCall, at: number, now: number): boolean {
    this.#order += 1;
    const refunded = [...countersOf(call)].map(([counter, policy]) => {
      const hits = this.#hits.get(counter) ?? [];
      const isTaken = (hit: Hit): boolean =>
        hit.at === at && hit.cost === call.cost && hit.takenBack === undefined;
      const taken = hits.findLast(isTaken);
      if (taken === undefined || !stillCounts(taken, hits, { policy, now })) return false;
      const takenBack = { at: now, order: this.#order };
      const left = hits.map((hit) => (hit === taken ? { ...hit, takenBack } : hit));
      this.#hits.set(counter, isUsed(left, policy, now) ? left : []);
      return true;
    });
    return refunded.includes(true);
  }

  #decide(
    subject: string,
    policy: ThrottlePolicy,
    { at, cost }: Pick<Hit, 'at' | 'cost'>,
  ): ThrottleDecision {
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

  #isUsed(subject: string, policy: ThrottlePolicy, now: number): boolean {
    return isUsed(this.#hits.get(counterOf(subject, policy)) ?? [], policy, now);
  }

  #free(subject: string, policy: ThrottlePolicy, now: number): number {
    return freeOf(this.#hits.get(counterOf(subject, policy)) ?? [], policy, now);
  }
}

/** What is free at `now`; negative after a limit was lowered. */
function freeOf(hits: readonly Hit[], policy: ThrottlePolicy, now: number): number {
  switch (policy.strategy) {
    case 'sliding-window':
    case 'concurrency':
      return policy.limit - costOf(left(hits), now - policy.windowMs + 1, now);
    case 'fixed-window': {
      const opening = lastOpening(hits, policy.windowMs, now);
      return policy.limit - costOf(left(hits), opening, opening + policy.windowMs - 1);
    }
    case 'sliding-window-counter':
      return freeBetween(hits, policy, now);
    case 'token-bucket':
    case 'gcra':
      return Math.floor(
        (policy.burst * policy.windowMs - debtOf(hits, policy, now)) / policy.windowMs,
      );
    default:
      return policy.strategy satisfies never;
  }
}

/** Of a counted window a hit may be known that counts no more, because of the rounding. */
function isUsed(hits: readonly Hit[], policy: ThrottlePolicy, now: number): boolean {
  if (policy.strategy !== 'sliding-window-counter') {
    return freeOf(hits, policy, now) < mostOf(policy);
  }
  const { previous, current } = windowsAt(hits, policy.windowMs, now);
  return previous + current > 0;
}

function stillCounts(
  { at, cost }: Hit,
  hits: readonly Hit[],
  { policy, now }: { readonly policy: ThrottlePolicy; readonly now: number },
): boolean {
  const { strategy, windowMs, limit } = policy;
  switch (strategy) {
    case 'sliding-window':
    case 'concurrency':
      return at > now - windowMs;
    case 'fixed-window':
      return at >= lastOpening(hits, windowMs, now);
    case 'sliding-window-counter':
      return at >= windowsAt(hits, windowMs, now).start - windowMs;
    case 'token-bucket':
    case 'gcra':
      return debtOf(hits, policy, now) > 0 && cost * windowMs > (now - at) * limit;
    default:
      return strategy satisfies never;
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

/** Those that were not taken back. @param order by when @default by now */
function left(hits: readonly Hit[], order = Infinity): readonly Hit[] {
  return hits.filter(({ takenBack }) => (takenBack?.order ?? Infinity) >= order);
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
  const moments = [...hits, { at: now, order: Infinity }];
  const start = moments.reduce((open, { at: moment, order }) => {
    let current = open;
    while (moment >= current + windowMs) {
      const used = costOf(left(hits, order), current, current + windowMs - 1);
      current = used > 0 ? current + windowMs : moment;
    }
    return current;
  }, hits[0]?.at ?? now);
  const previous = costOf(left(hits), start - windowMs, start - 1);
  return { start, previous, current: costOf(left(hits), start, now) };
}

/**
 * What is missing is counted in units of 1/windowMs tokens, of which `limit` come back each ms. Of a
 * hit that is taken back, what has not come back by itself.
 */
function debtOf(hits: readonly Hit[], policy: ThrottlePolicy, now: number): number {
  const { limit, windowMs } = policy;
  const taken = hits.map(({ at, cost, order }) => ({ at, order, units: cost * windowMs }));
  const given = hits.flatMap(({ at, cost, takenBack }) => {
    if (takenBack === undefined) return [];
    const units = Math.max(0, cost * windowMs - (takenBack.at - at) * limit);
    return [{ ...takenBack, units: -units }];
  });
  const happened = [...taken, ...given].sort((one, other) => one.order - other.order);
  let [debt, last] = [0, 0];
  for (const { at, units } of [...happened, { at: now, units: 0 }]) {
    debt = Math.max(0, Math.max(0, debt - (at - last) * limit) + units);
    last = at;
  }
  return debt;
}

function mostOf({ strategy, limit, burst }: ThrottlePolicy): number {
  return strategy === 'token-bucket' || strategy === 'gcra' ? burst : limit;
}

/** The counters of a call, each with the first policy that has it. */
function countersOf({ subject, policies }: ModelCall): ReadonlyMap<string, ThrottlePolicy> {
  const latestFirst = policies.toReversed();
  return new Map(latestFirst.map((policy) => [counterOf(subject, policy), policy]));
}

function counterOf(subject: string, policy: ThrottlePolicy): string {
  return JSON.stringify([subject, policy.name, policy.strategy]);
}

import type { Clock } from '../../../common/time/index.js';
import {
  type CountedCheck,
  isBucket,
  isLease,
  type ThrottleCheck,
  type ThrottleCounter,
  type ThrottleDecision,
  type ThrottleDriver,
  type ThrottleOutcome,
  type ThrottlePolicy,
} from '../throttle.driver.js';
import { CounterKeys } from './counter-keys.js';
import { CounterStore } from './counter-store.js';

export interface BlockListDriverOptions {
  readonly clock: Clock;
  /** Counters remembered; beyond it the one that was not asked about for longest is forgotten. */
  readonly maxEntries: number;
  /** Longest time that something is believed. */
  readonly maxAgeMs: number;
}

/** What was said of a counter to a hit that was denied, by this check or by another. */
interface Said {
  readonly check: ThrottleCheck;
  readonly decision: ThrottleDecision;
  /** When the answer had come, by the monotonic clock. */
  readonly heardAt: number;
  /** Of a `CounterStore`. */
  readonly remembered: 1;
}

/** A server counts whole milliseconds: what is over at the next one may be over now. */
const SERVER_TICK_MS = 1;

/**
 * Answers hits that are certain to be denied from what the driver behind it said last, without
 * asking it. For drivers whose answers take a round trip.
 *
 * A hit is answered here where of every one of its checks it is known what the driver would say, and
 * one denies: the same limit and cost were asked before, and neither was the counter changed through
 * this process since, nor has time changed the answer. Only a denial of no consequence counts as
 * known: with a `penalty`, or a `block` that a denial begins, each hit has to be counted, unless it
 * is a block that denies it. Of leases nothing is known: they end at any moment.
 *
 * What others change (another process that takes hits back, an operator there, a server clock that
 * is set) is noticed after `maxAgeMs` at most; by then a hit may have been denied needlessly. Never
 * is one admitted here. A wait that is told is never too short: it runs from when the answer was
 * heard. What is remembered ends no later than the wait would, counted from before it was asked.
 */
export class BlockListDriver implements ThrottleDriver {
  readonly #driver: ThrottleDriver;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #keys = new CounterKeys();
  readonly #said: CounterStore<Said>;

  constructor(driver: ThrottleDriver, { clock, maxEntries, maxAgeMs }: BlockListDriverOptions) {
    this.#driver = driver;
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
    this.#said = new CounterStore({ maxCounters: maxEntries, maxHits: Infinity });
  }

  async consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    return this.#recalled(checks) ?? this.#ask(checks);
  }

  peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    return this.#driver.peek(checks);
  }

  refund(counted: readonly CountedCheck[]): Promise<boolean> {
    return this.#changing(counted, () => this.#driver.refund(counted));
  }

  grant(checks: readonly ThrottleCheck[]): Promise<void> {
    return this.#changing(checks, () => this.#driver.grant(checks));
  }

  block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void> {
    return this.#changing(counters, () => this.#driver.block(counters, durationMs));
  }

  reset(counters: readonly ThrottleCounter[]): Promise<boolean> {
    return this.#changing(counters, () => this.#driver.reset(counters));
  }

  /** Forgets everything. */
  clear(): void {
    this.#said.clear();
  }

  /** `undefined`: the driver has to be asked. */
  #recalled(checks: readonly ThrottleCheck[]): ThrottleOutcome | undefined {
    const now = this.#clock.monotonic();
    const decisions: ThrottleDecision[] = [];
    let allowed = true;
    for (const check of checks) {
      const key = this.#keys.of(check);
      const said = this.#said.live(key, now)?.state;
      if (said === undefined || !isSameQuestion(check, said.check)) return undefined;
      this.#said.touch(key);
      decisions.push(agedBy(now - said.heardAt, said.decision));
      allowed &&= said.decision.allowed;
    }
    return allowed ? undefined : { allowed, decisions, backing: 'redis' };
  }

  async #ask(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome> {
    const askedAt = this.#clock.monotonic();
    let outcome: ThrottleOutcome | undefined;
    try {
      outcome = await this.#driver.consume(checks);
      return outcome;
    } finally {
      // Also without an answer: the hit may have been counted.
      this.#forget(checks);
      if (outcome?.allowed === false) this.#remember(checks, outcome, askedAt);
    }
  }

  #remember(
    checks: readonly ThrottleCheck[],
    { decisions }: ThrottleOutcome,
    askedAt: number,
  ): void {
    const heardAt = this.#clock.monotonic();
    for (const [index, check] of checks.entries()) {
      const decision = decisions[index];
      if (decision === undefined) continue;
      const holdsMs = Math.min(this.#maxAgeMs, holdsFor(check.policy, decision) - SERVER_TICK_MS);
      if (askedAt + holdsMs <= heardAt) continue;
      const said = { check, decision, heardAt, remembered: 1 } as const;
      const entry = this.#said.insert(this.#keys.of(check), said, heardAt);
      entry.expiresAt = askedAt + holdsMs;
    }
  }

  /** Afterwards, so that answers which came meanwhile are forgotten as well; done or not. */
  async #changing<T>(counters: readonly ThrottleCounter[], change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.#forget(counters);
    }
  }

  #forget(counters: readonly ThrottleCounter[]): void {
    for (const counter of counters) this.#said.delete(this.#keys.of(counter));
  }
}

/** For how long the driver would say the same, but for the time that passes; 0: not even now. */
function holdsFor(policy: ThrottlePolicy, decision: ThrottleDecision): number {
  const { allowed, resetMs, retryAfterMs } = decision;
  // Given back at any moment, by whichever process holds it.
  if (isLease(policy)) return 0;
  if (!allowed && isCounted(policy, decision)) return 0;
  const untilMoreRemains = resetMs > 0 ? resetMs : Infinity;
  return allowed ? untilMoreRemains : Math.min(untilMoreRemains, retryAfterMs);
}

/** Does the next hit that is denied change something again? Not while it is a block that denies. */
function isCounted(policy: ThrottlePolicy, { retryAfterMs }: ThrottleDecision): boolean {
  const { penalty, block } = policy;
  const blocks = block !== undefined && block.durationMs > 0;
  // Where a block clears the hits, it is all that is left to deny.
  if (blocks && block.clears) return false;
  return (penalty > 0 || blocks) && retryAfterMs <= longestWaitMs(policy);
}

/** More than the counter ever asks for by itself: a longer wait is that of a block. */
function longestWaitMs(policy: ThrottlePolicy): number {
  const fillings = isBucket(policy) ? policy.burst / policy.limit : 1;
  return 2 * policy.windowMs * Math.max(1, fillings);
}

function isSameQuestion(one: ThrottleCheck, other: ThrottleCheck): boolean {
  if (one.cost !== other.cost) return false;
  return one.policy === other.policy || termsOf(one.policy) === termsOf(other.policy);
}

/** What decides under a policy, besides which counter it is. */
function termsOf({ limit, windowMs, burst, penalty, block }: ThrottlePolicy): string {
  return JSON.stringify([limit, windowMs, burst, penalty, block]);
}

function agedBy(ageMs: number, decision: ThrottleDecision): ThrottleDecision {
  const rest = (ms: number): number => (ms === 0 ? 0 : Math.ceil(ms - ageMs));
  const { resetMs, retryAfterMs, at } = decision;
  const times = { resetMs: rest(resetMs), retryAfterMs: rest(retryAfterMs) };
  return { ...decision, ...times, at: at + Math.floor(ageMs) };
}

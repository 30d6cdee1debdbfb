import type { Backing } from '../../common/status/index.js';

/**
 * - `fixed-window`: a window opens with the first hit and holds `limit` hits. In any span of
 *   `windowMs` at most 2 × `limit` pass (the end of one window and the start of the next).
 * - `sliding-window`: exact. In any span of `windowMs` never more than `limit` pass.
 */
export type ThrottleStrategy = 'fixed-window' | 'sliding-window';

/** What happens to a policy's requests while Redis is away. */
export type ThrottleFailurePolicy =
  /** Count in this process, each instance with its share of the limit. */
  | 'memory'
  /** Let everything through. */
  | 'open'
  /** Refuse everything (503). */
  | 'closed';

/** One limit, validated. */
export interface ThrottlePolicy {
  /**
   * Identifies the counter together with the subject and the strategy; policies of one name share it,
   * and should have one window: the shortest decides which hits are remembered.
   */
  readonly name: string;
  readonly strategy: ThrottleStrategy;
  readonly limit: number;
  readonly windowMs: number;
  readonly onRedisDown: ThrottleFailurePolicy;
}

/** What one policy says to one hit. */
export interface ThrottleDecision {
  readonly policy: string;
  readonly allowed: boolean;
  readonly limit: number;
  /** Hits that would still pass now, after this one. */
  readonly remaining: number;
  /** Time until `remaining` next grows; 0 when nothing is used. */
  readonly resetMs: number;
  /** 0 when allowed; else a hit after exactly this time passes, one 1 ms earlier does not. */
  readonly retryAfterMs: number;
}

/** What all policies of a request say together. */
export interface ThrottleOutcome {
  /** Every policy allowed it. */
  readonly allowed: boolean;
  /** One decision for each policy, in the order asked. */
  readonly decisions: readonly ThrottleDecision[];
  readonly backing: Backing;
}

/** Injection token and contract of what keeps the counters. */
export const ThrottleDriver = Symbol('ThrottleDriver');

/**
 * Keeps the counters of subjects (a client, a user, an API key) under policies.
 *
 * Every method is atomic towards all other calls for the same subject. Drivers decide the same: the
 * same hits at the same times give the same outcomes.
 */
export interface ThrottleDriver {
  /**
   * Counts one hit of `subject` under every policy, or, when one of them is exhausted, under none:
   * a denied hit is free. Policies that share a counter count it once. One round trip, whatever the
   * number of policies.
   *
   * A lost reply means unknown: the hit may have been counted, it is never counted twice, and it is
   * not counted after the caller stopped waiting.
   */
  consume(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome>;

  /** What `consume` would say now, with `remaining` as it is. Counts nothing. */
  peek(subject: string, policies: readonly ThrottlePolicy[]): Promise<ThrottleOutcome>;

  /** Forgets the subject's hits under the policies. Resolves to whether there were any. */
  reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean>;
}

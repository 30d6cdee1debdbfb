import type { Backing } from '../../common/status/index.js';

/**
 * In any span of `windowMs` pass at most:
 *
 * - `sliding-window`: `limit`, exactly. Remembers the time of every hit.
 * - `sliding-window-counter`: less than 2 × `limit`, and about `limit` under steady load. Two counters; the
 *   earlier window counts as far as it still overlaps, as if its hits had been spread evenly
 *   (Cloudflare, "How we built rate limiting capable of scaling to millions of domains", 2017).
 * - `fixed-window`: 2 × `limit` (the end of one window and the start of the next). Opens with the first hit.
 * - `token-bucket`, `gcra`: `limit` + `burst`. A hit takes a token; `limit` of them come back in `windowMs`,
 *   evenly, up to `burst`. One number (generic cell rate algorithm, ITU-T I.371). The two decide the same;
 *   they differ in the burst that is usual: the whole limit, or one hit, which paces.
 */
export type ThrottleStrategy =
  'fixed-window' | 'sliding-window' | 'sliding-window-counter' | 'token-bucket' | 'gcra';

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
   * Identifies the counter together with the subject and the strategy; policies of one name share
   * it, and should have one window: the shortest decides which hits are remembered.
   */
  readonly name: string;
  readonly strategy: ThrottleStrategy;
  readonly limit: number;
  readonly windowMs: number;
  /** Tokens of a full bucket, for `token-bucket` and `gcra`. */
  readonly burst: number;
  readonly onRedisDown: ThrottleFailurePolicy;
}

/** The highest cost that the policy may ever allow at once. */
export function capacityOf({ strategy, limit, burst }: ThrottlePolicy): number {
  return strategy === 'token-bucket' || strategy === 'gcra' ? burst : limit;
}

/** What one policy says to one hit. */
export interface ThrottleDecision {
  readonly policy: string;
  readonly allowed: boolean;
  readonly limit: number;
  /** Hits of cost 1 that would still pass now, after this one. */
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
  /** When that was, in ms by the clock that decided. */
  readonly at: number;
}

/** What has to be known of a hit to take it back: its cost, and when and where it was counted. */
export interface CountedHit extends Pick<ThrottleOutcome, 'at' | 'backing'> {
  readonly cost: number;
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
   *
   * @param cost how many hits it is worth: a whole number of at least 1 @default 1
   * @throws InvalidOptionError for a cost that one of the policies could never allow
   */
  consume(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost?: number,
  ): Promise<ThrottleOutcome>;

  /** What `consume` would say now, with `remaining` as it is. Counts nothing. */
  peek(
    subject: string,
    policies: readonly ThrottlePolicy[],
    cost?: number,
  ): Promise<ThrottleOutcome>;

  /**
   * Takes a hit back that was counted, where it still counts; right after `consume` everything is
   * as it was before. Never gives back more than the hit took, so nothing for one that was counted
   * elsewhere. Resolves to whether it still counted. A lost reply: done or not.
   */
  refund(subject: string, policies: readonly ThrottlePolicy[], hit: CountedHit): Promise<boolean>;

  /** Forgets the subject's hits under the policies. Resolves to whether there were any. */
  reset(subject: string, policies: readonly ThrottlePolicy[]): Promise<boolean>;
}

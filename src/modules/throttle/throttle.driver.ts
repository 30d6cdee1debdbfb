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
 *
 * `concurrency` is of another kind: at most `limit` at the same time. A sliding window of which every
 * hit is a lease, taken back by `refund` when what it stands for is over; one whose holder died ends
 * by itself after `windowMs`.
 */
export type ThrottleStrategy =
  | 'fixed-window'
  | 'sliding-window'
  | 'sliding-window-counter'
  | 'token-bucket'
  | 'gcra'
  | 'concurrency';

/** What happens to a policy's requests while Redis is away. */
export type ThrottleFailurePolicy =
  /** Count in this process, each instance with its share of the limit. */
  | 'memory'
  /** Let everything through. */
  | 'open'
  /** Refuse everything (503). */
  | 'closed';

/** What a subject that went over a limit is held off for, besides waiting for the limit itself. */
export interface ThrottleBlock {
  /** Of the first block, doubled for each that follows; 0: only operators block. */
  readonly durationMs: number;
  /** The longest one. */
  readonly longestMs: number;
  /**
   * A block that begins by itself forgets the hits, so that the whole limit is free after it.
   * @default false: they count for as long as the strategy says
   */
  readonly clears?: boolean;
}

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
  /** Hits that a denied hit counts for, as far as there is room under the limit; 0: it is free. */
  readonly penalty: number;
  /** `undefined`: blocks are neither set nor looked at. */
  readonly block: ThrottleBlock | undefined;
  readonly onRedisDown: ThrottleFailurePolicy;
  /** Counted and reported, not enforced. Of no meaning to drivers: whoever asks them heeds it. */
  readonly shadow: boolean;
}

/** The highest cost that the policy may ever allow at once. */
export function capacityOf(policy: Pick<ThrottlePolicy, 'strategy' | 'limit' | 'burst'>): number {
  return isBucket(policy) ? policy.burst : policy.limit;
}

/** Does the policy count tokens that come back one by one, up to `burst`? */
export function isBucket({ strategy }: { readonly strategy: ThrottleStrategy }): boolean {
  return strategy === 'token-bucket' || strategy === 'gcra';
}

/** Is a hit under the policy a lease, to be given back when what it stands for is over? */
export function isLease({ strategy }: { readonly strategy: ThrottleStrategy }): boolean {
  return strategy === 'concurrency';
}

/** A counter: what one subject (a client, a user, an API key) used under one policy. */
export interface ThrottleCounter {
  readonly subject: string;
  readonly policy: ThrottlePolicy;
}

/** One limit that a hit has to pass. */
export interface ThrottleCheck extends ThrottleCounter {
  /** How many hits it is worth there: a whole number of at least 1. */
  readonly cost: number;
}

/** What one check says to a hit. */
export interface ThrottleDecision {
  readonly policy: string;
  readonly allowed: boolean;
  readonly limit: number;
  /** Hits of cost 1 that would still pass now, after this one. */
  readonly remaining: number;
  /** Time until `remaining` next grows; 0 when nothing is used. */
  readonly resetMs: number;
  /**
   * 0 when allowed; else a hit after exactly this time passes, one 1 ms earlier does not, unless a hit
   * is taken back meanwhile. Under `concurrency` that is the rule: it is when a lease ends by itself.
   */
  readonly retryAfterMs: number;
  /** When that was, in ms by the clock that decided. */
  readonly at: number;
}

/** What all checks of a hit say together. */
export interface ThrottleOutcome {
  /** Every check allowed it. */
  readonly allowed: boolean;
  /** One decision for each check, in the order asked. */
  readonly decisions: readonly ThrottleDecision[];
  readonly backing: Backing;
}

/** A check that counted its hit: what has to be known to take that back. */
export interface CountedCheck extends ThrottleCheck {
  /** When, by the clock that decided. */
  readonly at: number;
  /** Where. */
  readonly backing: Backing;
}

/** Injection token and contract of what keeps the counters. */
export const ThrottleDriver = Symbol('ThrottleDriver');

/**
 * Keeps the counters of subjects under policies.
 *
 * Every method is atomic towards all other calls for the same subject. Drivers decide the same: the
 * same hits at the same times give the same outcomes.
 *
 * @throws InvalidOptionError for a subject or name that is empty or longer than 1 kB, and for a cost
 * that its policy could never allow
 */
export interface ThrottleDriver {
  /**
   * Counts one hit under every check, or, when one of them denies it, under none. Checks of the
   * same counter count it once, as the first of them says; they must have one window, and of a bucket
   * one limit and burst. One round trip, whatever the number.
   *
   * A denied hit is free, except where a policy that denies it has a `penalty` or a `block`.
   *
   * In a Redis Cluster subjects live on different nodes: they are asked in parallel, and where one
   * denies, the others give back what they counted. Until then, for a round trip, they may deny
   * another hit that would have passed; they never admit too much.
   *
   * A lost reply means unknown: the hit may have been counted, it is never counted twice, and it is
   * not counted after the caller stopped waiting.
   */
  consume(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome>;

  /** What `consume` would say now, with `remaining` as it is. Changes nothing. */
  peek(checks: readonly ThrottleCheck[]): Promise<ThrottleOutcome>;

  /**
   * Takes hits back that were counted, where they still count; right after `consume` everything is
   * as it was before. Never gives back more than a hit took, and nothing for one that was counted
   * elsewhere; what one counted whose counter was reset, or whose clock was set back, meanwhile, may
   * be made good to the hits that came after it. Resolves to whether any still counted. A lost
   * reply: done or not.
   */
  refund(counted: readonly CountedCheck[]): Promise<boolean>;

  /**
   * Takes back the latest hits of each counter, `cost` of them or as many as there are. For
   * operators. A lost reply: done or not.
   */
  grant(checks: readonly ThrottleCheck[]): Promise<void>;

  /**
   * Denies every hit for so long, where the policy has `block` set; replaces a block that stands.
   * A lost reply: done or not.
   */
  block(counters: readonly ThrottleCounter[], durationMs: number): Promise<void>;

  /**
   * Forgets the hits and blocks of the counters. Resolves to whether there were any.
   */
  reset(counters: readonly ThrottleCounter[]): Promise<boolean>;
}

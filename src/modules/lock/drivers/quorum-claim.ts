import type { AcquireAllOutcome, LockClaim, LockGrant } from '../lock.driver.js';
import { isAnswer, type Poll, type Quorum, unanswered } from './quorum.js';
import type { QuorumNode } from './quorum-node.js';
import type { FencedHold } from './scripts/lock-agree.lua.js';

/** What became of one claim on the masters. */
export interface QuorumHold {
  /** Masters that granted it. */
  readonly members: Set<QuorumNode>;
  /** Who grants it from now on is told to release it. */
  isOver: boolean;
  /** Known to a majority. */
  fence: number | undefined;
}

export type QuorumClaimOutcome =
  /** Time left of each claim, by the master that ends it first. */
  | { readonly outcome: 'acquired'; readonly remainingMs: readonly number[] }
  | Extract<AcquireAllOutcome, { readonly outcome: 'busy' }>;

/** One try of claims, all or none, on all masters. */
export class QuorumClaim {
  /** Of each claim. */
  readonly holds: readonly QuorumHold[];
  readonly #quorum: Quorum;
  readonly #claims: readonly LockClaim[];
  readonly #asked = new Map<QuorumNode, Promise<AcquireAllOutcome>>();
  readonly #grants = new Map<QuorumNode, readonly LockGrant[]>();
  /** Are no part of the holds, also where they grant them after all. */
  readonly #refused = new Set<QuorumNode>();

  constructor(quorum: Quorum, claims: readonly LockClaim[]) {
    this.#quorum = quorum;
    this.#claims = claims;
    const fence = undefined;
    this.holds = claims.map(() => ({ members: new Set(), isOver: false, fence }));
  }

  /**
   * Takes the locks where a majority grants them and knows their fences; else gives back what there
   * is of them.
   *
   * @throws RedisUnavailableError where no majority answers
   */
  async run(): Promise<QuorumClaimOutcome> {
    const ask = (node: QuorumNode): Promise<AcquireAllOutcome> => {
      const answer = this.#claim(node);
      this.#asked.set(node, answer);
      return answer;
    };
    const asked = await this.#quorum.poll(this.#quorum.nodes, { ask, isYes: isGrant });
    if (asked.verdict !== 'yes') return this.#denied(asked);
    const fences = this.#claims.map((_, index) => this.#greatestFence(index));
    const agreed = await this.#agree(fences);
    if (agreed.verdict === 'yes') {
      const nodes = agreed.votes.filter(({ answer }) => answer === true).map(({ node }) => node);
      for (const [index, hold] of this.holds.entries()) hold.fence = fences[index];
      const remainingMs = this.#claims.map((_, index) => this.#shortest(nodes, index));
      return { outcome: 'acquired', remainingMs };
    }
    await this.giveBack();
    // Over before it was agreed on, or taken away.
    if (agreed.verdict === 'no') return this.#busyFor(0);
    throw unanswered(agreed.votes);
  }

  /** Releases what was granted; and what still will be, when it is. */
  async giveBack(): Promise<void> {
    for (const hold of this.holds) hold.isOver = true;
    await Promise.all([...this.#grants.keys()].map((node) => this.#release(node, this.#claims)));
  }

  async #denied({ verdict, votes }: Poll<AcquireAllOutcome>): Promise<QuorumClaimOutcome> {
    await this.giveBack();
    if (verdict === 'unanswered') throw unanswered(votes);
    // Free for a majority once so many are.
    const busy = votes
      .filter(isAnswer)
      .map(({ answer }) => (answer.outcome === 'busy' ? answer : this.#busyFor(0)))
      .toSorted((one, other) => one.remainingMs - other.remainingMs);
    return busy[Math.min(this.#quorum.majority, busy.length) - 1] ?? this.#busyFor(0);
  }

  async #claim(node: QuorumNode): Promise<AcquireAllOutcome> {
    try {
      const answer = await node.locks.acquireAll(this.#claims);
      if (answer.outcome === 'busy') this.#refused.add(node);
      else this.#enter(node, answer.grants);
      return answer;
    } catch (error) {
      // It releases by itself what it may have done.
      this.#refused.add(node);
      throw error;
    }
  }

  #enter(node: QuorumNode, grants: readonly LockGrant[]): void {
    this.#grants.set(node, grants);
    const isLate = (hold: QuorumHold): boolean => hold.isOver || this.#refused.has(node);
    for (const hold of this.holds) if (!isLate(hold)) hold.members.add(node);
    const late = this.#claims.filter((_, index) => this.holds[index]?.members.has(node) === false);
    void this.#release(node, late);
  }

  /**
   * Lets all masters know the fences, unless they do. Whichever majority grants next, one of those
   * that agreed here is in it.
   */
  #agree(fences: readonly (number | undefined)[]): Promise<Poll<boolean>> {
    const holds = this.#claims.flatMap(({ key, token }, index): readonly FencedHold[] => {
      const fence = fences[index];
      return fence === undefined ? [] : [{ key, token, fence }];
    });
    const voters =
      holds.length === 0
        ? [...this.#grants.keys()]
        : this.#quorum.nodes.filter((node) => !this.#refused.has(node));
    const knowing = new Set(
      [...this.#grants.keys()].filter((node) =>
        fences.every((fence, index) => this.#grants.get(node)?.[index]?.fence === fence),
      ),
    );
    return this.#quorum.poll(voters, {
      ask: async (node) => knowing.has(node) || this.#agreeOn(node, holds),
      isYes: Boolean,
    });
  }

  /** A master that does not have the fence is no part of the hold. */
  async #agreeOn(node: QuorumNode, holds: readonly FencedHold[]): Promise<boolean> {
    let isAgreed = false;
    try {
      // Sent at once, behind a claim that is still under way; but it has to have been granted, too.
      const [answer] = await Promise.all([node.agree(holds), this.#asked.get(node)]);
      isAgreed = answer;
      return isAgreed;
    } finally {
      if (!isAgreed) {
        this.#refused.add(node);
        for (const { members } of this.holds) members.delete(node);
        void this.#release(node, this.#claims);
      }
    }
  }

  /** Never rejects: a release that is lost is made up for by the node. */
  #release(node: QuorumNode, claims: readonly LockClaim[]): Promise<unknown> {
    return Promise.allSettled(claims.map((claim) => node.locks.release(claim)));
  }

  #busyFor(remainingMs: number) {
    return { outcome: 'busy', key: this.#claims[0]?.key ?? '', remainingMs } as const;
  }

  #greatestFence(index: number): number | undefined {
    const fences = [...this.#grants.values()].flatMap((grants) => grants[index]?.fence ?? []);
    return fences.length === 0 ? undefined : Math.max(...fences);
  }

  #shortest(nodes: readonly QuorumNode[], index: number): number {
    return Math.min(...nodes.map((node) => this.#grants.get(node)?.[index]?.remainingMs ?? 0));
  }
}

function isGrant({ outcome }: AcquireAllOutcome): boolean {
  return outcome === 'acquired';
}

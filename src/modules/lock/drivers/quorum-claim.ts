import type { AcquireAllOutcome, LockClaim, LockGrant } from '../lock.driver.js';
import { isAnswer, type Poll, type Quorum, unanswered } from './quorum.js';
import type { QuorumNode } from './quorum-node.js';
import type { FencedHold } from './scripts/lock-agree.lua.js';

/** What a majority granted of one claim. */
export interface QuorumGrant {
  /** Of the master that ends it first, by its own clock. */
  readonly remainingMs: number;
  /** Known to a majority. */
  readonly fence: number | undefined;
}

export type QuorumClaimOutcome =
  | { readonly outcome: 'acquired'; readonly grants: readonly QuorumGrant[] }
  | Extract<AcquireAllOutcome, { readonly outcome: 'busy' }>;

/** One try of claims, all or none, on all masters. */
export class QuorumClaim {
  /**
   * Of each claim, the masters that may have granted it. One that failed is none of them, also where
   * that turns out later: it releases what it may have done.
   */
  readonly members: readonly Set<QuorumNode>[];
  readonly #quorum: Quorum;
  readonly #claims: readonly LockClaim[];
  readonly #asked = new Map<QuorumNode, Promise<AcquireAllOutcome>>();
  readonly #grants = new Map<QuorumNode, readonly LockGrant[]>();

  constructor(quorum: Quorum, claims: readonly LockClaim[]) {
    this.#quorum = quorum;
    this.#claims = claims;
    this.members = claims.map(() => new Set(quorum.nodes));
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
      const grants = fences.map((fence, index) => ({
        fence,
        remainingMs: this.#shortest(nodes, index),
      }));
      return { outcome: 'acquired', grants };
    }
    await this.giveBack();
    // Over before it was agreed on, or taken away.
    if (agreed.verdict === 'no') return this.#busyFor(0);
    throw unanswered(agreed.votes);
  }

  /** Releases all of it wherever it may be; waits for those masters only that granted it. */
  async giveBack(): Promise<void> {
    const [members = new Set<QuorumNode>()] = this.members;
    // On the same connection, and so after a claim that is still under way.
    const releases: Promise<unknown>[] = [];
    for (const node of members) {
      const released = this.#release(node);
      if (this.#grants.has(node)) releases.push(released);
    }
    await Promise.all(releases);
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
      if (answer.outcome === 'acquired') this.#grants.set(node, answer.grants);
      else this.#exclude(node);
      return answer;
    } catch (error) {
      this.#exclude(node);
      throw error;
    }
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
    const [members = new Set<QuorumNode>()] = this.members;
    const voters = holds.length === 0 ? this.#grants.keys() : members;
    const knowing = new Set(
      [...this.#grants.keys()].filter((node) =>
        fences.every((fence, index) => this.#grants.get(node)?.[index]?.fence === fence),
      ),
    );
    return this.#quorum.poll([...voters], {
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
        this.#exclude(node);
        void this.#release(node);
      }
    }
  }

  /** Never rejects: a release that is lost is made up for by the node. */
  #release(node: QuorumNode): Promise<unknown> {
    return Promise.allSettled(this.#claims.map((claim) => node.locks.release(claim)));
  }

  #exclude(node: QuorumNode): void {
    for (const members of this.members) members.delete(node);
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

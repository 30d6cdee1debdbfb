import { RedisUnavailableError } from '../../../common/redis/index.js';
import { LockBackendDownError } from '../lock.errors.js';
import { majorityOf } from './quorum-gate.js';
import type { QuorumNode } from './quorum-node.js';

/** What one master came to. */
export interface Vote<T> {
  readonly node: QuorumNode;
  /** `undefined`: it failed. */
  readonly answer: T | undefined;
  readonly failure?: unknown;
}

/** How to ask, and which answers count for it. */
export interface Question<T> {
  readonly ask: (node: QuorumNode) => Promise<T>;
  readonly isYes: (answer: T) => boolean;
}

/**
 * `'yes'`: of a majority of all masters. `'no'`: a majority cannot say yes any more. `'doubtful'`: a
 * majority answered, and those that did not decide. `'unanswered'`: fewer answered.
 */
export type Verdict = 'yes' | 'no' | 'doubtful' | 'unanswered';

export interface Poll<T> {
  readonly verdict: Verdict;
  /** Those that were there when it was decided. */
  readonly votes: readonly Vote<T>[];
}

/** Independent masters, of which a majority decides. */
export class Quorum {
  readonly nodes: readonly QuorumNode[];
  readonly majority: number;

  constructor(nodes: readonly QuorumNode[]) {
    this.nodes = nodes;
    this.majority = majorityOf(nodes.length);
  }

  /**
   * Asks `voters` at the same time and resolves once it is decided, or all have answered: who is slow
   * holds nobody up. Rejects for no answer of theirs.
   */
  poll<T>(voters: readonly QuorumNode[], { ask, isYes }: Question<T>): Promise<Poll<T>> {
    return new Promise((resolve) => {
      const votes: Vote<T>[] = [];
      const settle = (): void => {
        const verdict = this.#verdict(voters.length, votes, isYes);
        const isDecided = verdict === 'yes' || verdict === 'no';
        // A copy: what comes later is not what was decided on.
        if (isDecided || votes.length === voters.length) resolve({ verdict, votes: [...votes] });
      };
      const cast = (vote: Vote<T>): void => {
        votes.push(vote);
        settle();
      };
      settle();
      for (const node of voters) {
        ask(node).then(
          (answer) => cast({ node, answer }),
          (failure: unknown) => cast({ node, answer: undefined, failure }),
        );
      }
    });
  }

  /** Asks all masters and waits for each. @throws when fewer than a majority answered */
  async survey<T>(ask: (node: QuorumNode) => Promise<T>): Promise<readonly Vote<T>[]> {
    const answers = await Promise.allSettled(this.nodes.map(ask));
    const votes = answers.flatMap((one, index): Vote<T>[] => {
      const node = this.nodes[index];
      if (node === undefined) return [];
      if (one.status === 'fulfilled') return [{ node, answer: one.value }];
      return [{ node, answer: undefined, failure: one.reason }];
    });
    if (votes.filter(isAnswer).length < this.majority) throw unanswered(votes);
    return votes;
  }

  #verdict<T>(asked: number, votes: readonly Vote<T>[], isYes: Question<T>['isYes']): Verdict {
    const answers = votes.filter(isAnswer);
    const yes = answers.filter(({ answer }) => isYes(answer)).length;
    if (yes >= this.majority) return 'yes';
    if (asked - (answers.length - yes) < this.majority) return 'no';
    return answers.length >= this.majority ? 'doubtful' : 'unanswered';
  }
}

/** Did it answer? */
export function isAnswer<T>(vote: Vote<T>): vote is Vote<T> & { readonly answer: T } {
  return !('failure' in vote);
}

/** Why there is no answer: what a master itself has to say against the call, or that it is away. */
export function unanswered(votes: readonly Vote<unknown>[]): unknown {
  const failures = votes.flatMap((vote) => ('failure' in vote ? [vote.failure] : []));
  const own = failures.find((failure) => !isAway(failure));
  // What became of it is unknown: some may have done it.
  return own ?? new RedisUnavailableError('deadline', { cause: failures[0] });
}

function isAway(failure: unknown): boolean {
  if (failure instanceof LockBackendDownError || failure instanceof RedisUnavailableError)
    return true;
  // A node of a Redis Cluster that sends us elsewhere has no vote.
  return failure instanceof Error && /^(MOVED|ASK|CROSSSLOT) /.test(failure.message);
}

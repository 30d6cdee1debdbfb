import { checkKeyText } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type {
  AcquireAllOutcome,
  AcquireOutcome,
  ExtendOutcome,
  HeldLock,
  LockClaim,
  LockDriver,
  LockGrant,
  LockRef,
  LockRelease,
  LockWait,
  ReleaseOutcome,
  WhichHold,
} from '../lock.driver.js';
import { ExpiringMap } from './expiring-map.js';
import { grantOf } from './lock-grant.js';
import { checkHold, checkWithoutPermits } from './lock-rules.js';
import { Quorum, unanswered } from './quorum.js';
import { QuorumClaim, type QuorumHold } from './quorum-claim.js';
import type { QuorumNode } from './quorum-node.js';
import { heldByMajority, listOfMajority } from './quorum-survey.js';

export interface QuorumLockDriverOptions {
  readonly clock: Clock;
  /** How much faster than ours the clock of a master may run: share of the time that is left. */
  readonly driftFactor: number;
}

/** What the clocks of Redis and of this process are rounded by, and what a short time drifts at least. */
const ROUNDING_MS = 2;

/**
 * Locks on several independent masters: held is what a majority of them holds.
 *
 * Nobody waits here, because no master can hand over what is the others' as well: a lock that is busy
 * is said to be. What is taken of it by then is given back.
 *
 * @see https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 */
export class QuorumLockDriver implements LockDriver {
  readonly #quorum: Quorum;
  readonly #options: QuorumLockDriverOptions;
  readonly #holds: ExpiringMap<QuorumHold>;

  constructor(nodes: readonly QuorumNode[], options: QuorumLockDriverOptions) {
    this.#quorum = new Quorum(nodes);
    this.#options = options;
    this.#holds = new ExpiringMap(options.clock);
  }

  async acquire(claim: LockClaim, wait?: LockWait): Promise<AcquireOutcome> {
    wait?.signal?.throwIfAborted();
    const answer = await this.acquireAll([claim]);
    if (answer.outcome === 'busy') return { outcome: 'busy', remainingMs: answer.remainingMs };
    const [grant] = answer.grants;
    if (grant === undefined) throw new TypeError('one claim has one grant');
    return { outcome: 'acquired', grant };
  }

  async acquireAll(claims: readonly LockClaim[]): Promise<AcquireAllOutcome> {
    checkWithoutPermits(claims);
    for (const { key, ttlMs } of claims) checkHold(key, ttlMs);
    const { clock } = this.#options;
    const askedAt = clock.monotonic();
    const tried = new QuorumClaim(this.#quorum, claims);
    const answer = await tried.run();
    if (answer.outcome === 'busy') return answer;
    const grants = tried.holds.map(({ fence }, index) =>
      grantOf(this.#reliable(answer.remainingMs[index] ?? 0), fence),
    );
    const spentMs = clock.monotonic() - askedAt;
    if (grants.some(({ remainingMs }) => remainingMs <= spentMs)) {
      await tried.giveBack();
      return { outcome: 'busy', key: claims[0]?.key ?? '', remainingMs: 0 };
    }
    for (const [index, claim] of claims.entries()) {
      const hold = tried.holds[index];
      if (hold !== undefined) this.#keep(claim, hold, grants[index]);
    }
    return { outcome: 'acquired', grants };
  }

  async extend(ref: LockRef, ttlMs: number): Promise<ExtendOutcome> {
    checkHold(ref.key, ttlMs);
    const hold = this.#holds.get(idOf(ref));
    // It is over here, though a master may not know yet.
    if (hold === undefined) return { outcome: 'lost' };
    const { verdict, votes } = await this.#quorum.poll([...hold.members], {
      // A master that lost it is not asked to hold it again: somebody else may have had it there.
      ask: (node) => node.locks.extend(ref, ttlMs),
      isYes: ({ outcome }) => outcome === 'extended',
    });
    if (verdict === 'yes') {
      const left = votes.flatMap(({ answer }) =>
        answer?.outcome === 'extended' ? answer.grant.remainingMs : [],
      );
      const grant = grantOf(this.#reliable(Math.min(...left)), hold.fence);
      this.#keep(ref, hold, grant);
      return { outcome: 'extended', grant };
    }
    if (verdict !== 'no') throw unanswered(votes);
    // A minority that goes on holding it would only be in the way.
    this.#release(ref).catch(() => undefined);
    return { outcome: 'lost' };
  }

  release(ref: LockRelease): Promise<ReleaseOutcome> {
    return this.#release(ref);
  }

  async forceRelease(key: string, which: WhichHold = {}): Promise<HeldLock | undefined> {
    checkKeyText(key, 'key');
    const votes = await this.#quorum.survey((node) => node.locks.forceRelease(key, which));
    return heldByMajority(votes, this.#quorum);
  }

  list(limit: number): Promise<readonly HeldLock[]> {
    return listOfMajority(this.#quorum, limit);
  }

  /**
   * `'released'` where a majority says so: then nobody else can have had it. Those that do not answer
   * make up for it.
   */
  async #release(ref: LockRelease): Promise<ReleaseOutcome> {
    checkKeyText(ref.key, 'key');
    const hold = this.#holds.get(idOf(ref));
    this.#holds.delete(idOf(ref));
    if (hold !== undefined) hold.isOver = true;
    // Also those whose grant is still on its way: what is sent after it finds it there.
    const { verdict, votes } = await this.#quorum.poll(this.#quorum.nodes, {
      ask: (node) => node.locks.release(ref),
      isYes: (answer) => answer === 'released',
    });
    if (verdict === 'unanswered') throw unanswered(votes);
    return verdict === 'yes' ? 'released' : 'lost';
  }

  #keep(ref: LockRef, hold: QuorumHold, grant: LockGrant | undefined): void {
    this.#holds.set(idOf(ref), hold, grant?.remainingMs ?? 0);
  }

  /** For how long a hold may be relied on that a master ends after so long. */
  #reliable(remainingMs: number): number {
    return Math.floor(remainingMs * (1 - this.#options.driftFactor)) - ROUNDING_MS;
  }
}

function idOf({ key, token }: LockRef): string {
  return `${token} ${key}`;
}

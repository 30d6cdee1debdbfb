import { runOutsideRequests } from '../../../common/context/index.js';
import { type RedisConnection, RedisUnavailableError } from '../../../common/redis/index.js';
import type { Clock } from '../../../common/time/index.js';
import type { AcquireOutcome, LockClaim, LockGrant, LockRef, LockWait } from '../lock.driver.js';
import type { LockChannel } from './lock-channel.js';
import { grantOf } from './lock-grant.js';
import type { LockKeyNames } from './lock-key-names.js';
import { otherPermits, SIGN_OF_LIFE_MS } from './lock-rules.js';
import type { LockScripts } from './lock-scripts.js';
import type { HandedOver } from './scripts/lock-release.lua.js';
import { WAIT, type WaitReply } from './scripts/lock-wait.lua.js';
import { SEMAPHORE_ACQUIRE } from './scripts/semaphore-acquire.lua.js';
import { endOf, newWaiting, type WaitingClaim } from './waiting-claim.js';

export interface RedisLockQueueOptions {
  readonly scripts: LockScripts;
  /** Tells when a grant was asked for. */
  readonly clock: Clock;
  readonly keys: LockKeyNames;
  readonly channel: LockChannel;
  /** Releases what was taken for a claim that had stopped waiting. */
  readonly giveBack: (ref: LockRef) => void;
}

/** Claims in one call: Redis does nothing else while it runs. */
const ASKED_AT_ONCE = 64;

/** Least time between two questions of one waiter, and span of those that are asked together. */
const SPACING_MS = 10;

/** What a timer can do at most; whoever waits for longer asks again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The claims of this process that wait for locks in Redis.
 *
 * Each asks once when it comes, is told when the lock was handed over to it, by the process's own
 * release or by a message, and asks again from time to time, all of them together: that says that
 * they live, and finds what was lost on the way, or a holder whose time is over.
 */
export class RedisLockQueue {
  readonly #connection: RedisConnection;
  readonly #options: RedisLockQueueOptions;
  readonly #waiters = new Map<string, WaitingClaim>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor(connection: RedisConnection, options: RedisLockQueueOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.gate.onOpened(() => this.#failAll());
  }

  /**
   * Waits for the lock. The claim may still stand in the queue, or hold the lock, after any outcome
   * but a grant: the caller releases it.
   *
   * @throws RedisUnavailableError when Redis is away, or no question was answered
   */
  async acquire(claim: LockClaim, { waitMs, signal }: LockWait): Promise<AcquireOutcome> {
    signal?.throwIfAborted();
    this.#options.channel.listen(this);
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<AcquireOutcome>((resolve, reject) => {
        const settle = (outcome: AcquireOutcome | Error): void =>
          outcome instanceof Error ? reject(outcome) : resolve(outcome);
        const waiter = this.#enter(claim, settle);
        timer = setTimeout(() => this.#end(waiter), Math.min(waitMs, LONGEST_TIMER_MS));
        onAbort = () => reject(signal?.reason);
        signal?.addEventListener('abort', onAbort);
        this.#ask([waiter]);
      });
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      this.#waiters.delete(claim.token);
    }
  }

  /** Told by a release of this process. Resolves to whether the claim still waits. */
  take({ token, ms, fence }: HandedOver, askedAt: number): boolean {
    const waiter = this.#waiters.get(token);
    if (waiter === undefined) return false;
    if (this.#options.scripts.isDurable) this.#ask([waiter]);
    else this.#grant(waiter, grantOf(ms, fence, askedAt));
    return true;
  }

  /** Told by a message: it is for sure once it was asked for, and then for its whole time. */
  handedOver(token: string): void {
    const waiter = this.#waiters.get(token);
    if (waiter !== undefined) this.#ask([waiter]);
  }

  /** Messages may have been lost. */
  restored(): void {
    this.#ask([...this.#waiters.values()].filter(({ isAsking }) => !isAsking));
  }

  #enter(claim: LockClaim, settle: WaitingClaim['settle']): WaitingClaim {
    const waiter = newWaiting(claim, settle);
    this.#waiters.set(claim.token, waiter);
    return waiter;
  }

  /** In groups that may be in one call: of one kind, and in a Redis Cluster of one key. */
  #ask(waiters: readonly WaitingClaim[]): void {
    const isCluster = this.#connection.topology === 'cluster';
    const groups = new Map<string, WaitingClaim[]>();
    for (const [index, waiter] of waiters.entries()) {
      const { key, permits } = waiter.claim;
      const kind = permits === undefined ? 'lock' : 'semaphore';
      const name = `${kind} ${isCluster ? key : Math.floor(index / ASKED_AT_ONCE)}`;
      const group = groups.get(name) ?? [];
      groups.set(name, group);
      group.push(waiter);
    }
    for (const group of groups.values()) void this.#askTogether(group);
  }

  async #askTogether(group: readonly WaitingClaim[]): Promise<void> {
    for (const waiter of group) waiter.isAsking = true;
    const askedAt = this.#options.clock.monotonic();
    try {
      const replies = await this.#send(group);
      for (const [index, waiter] of group.entries()) this.#answer(waiter, replies[index], askedAt);
    } catch (error) {
      const isOfOne = group.length > 1 && !(error instanceof RedisUnavailableError);
      // The server refuses the call for one of them: it is the only one to learn that.
      if (isOfOne) await Promise.all(group.map((waiter) => this.#askTogether([waiter])));
      else for (const waiter of group) this.#unanswered(waiter, error);
    } finally {
      for (const waiter of group) waiter.isAsking = false;
    }
  }

  #send(group: readonly WaitingClaim[]): Promise<readonly WaitReply[]> {
    const { channel, keys, scripts } = this.#options;
    const rest = { args: { channel: channel.name, claims: group }, outsideBudget: true };
    const names = group.map(({ claim }) => claim.key);
    if (group[0]?.claim.permits === undefined) {
      const call = { keys: names.map((key) => keys.all(key)), ...rest };
      return scripts.grant(WAIT, call, areGranted);
    }
    const call = { keys: names.map((key) => keys.semaphore(key)), ...rest };
    return scripts.grant(SEMAPHORE_ACQUIRE, call, areGranted);
  }

  #answer(waiter: WaitingClaim, reply: WaitReply | undefined, askedAt: number): void {
    if (reply === undefined) throw new TypeError('a lock script did not answer every claim');
    waiter.wasAnswered = true;
    if (!this.#waiters.has(waiter.claim.token)) {
      // A question that had to be sent once more overtook the release that ended the waiting.
      if (!waiter.wasGranted) this.#options.giveBack(waiter.claim);
    } else if (reply.word === 'acquired') {
      this.#grant(waiter, grantOf(reply.ms, reply.fence, askedAt));
    } else if (reply.word === 'misuse') {
      waiter.settle(otherPermits(reply.of));
    } else {
      waiter.arrival = reply.arrival;
      if (waiter.isOver) waiter.settle(endOf(waiter));
      this.#planNext(waiter, reply.ms + 1);
    }
  }

  /** Its time is over; but a free lock is not refused because the first answer takes longer. */
  #end(waiter: WaitingClaim): void {
    waiter.isOver = true;
    if (waiter.wasAnswered || !waiter.isAsking) waiter.settle(endOf(waiter));
  }

  #grant(waiter: WaitingClaim, grant: LockGrant): void {
    waiter.wasGranted = true;
    waiter.settle({ outcome: 'acquired', grant });
  }

  /** One question that is lost says nothing, as long as Redis serves others. */
  #unanswered(waiter: WaitingClaim, error: unknown): void {
    if (!(error instanceof RedisUnavailableError)) waiter.settle(asError(error));
    else if (!this.#connection.gate.isClosed) waiter.settle(away());
    // What was never sent says less than what may have been done.
    else if (waiter.failure?.outcome !== 'unknown') waiter.failure = error;
    if (waiter.isOver) waiter.settle(endOf(waiter));
    this.#planNext(waiter, SIGN_OF_LIFE_MS);
  }

  #planNext(waiter: WaitingClaim, inMs: number): void {
    const delayMs = Math.max(SPACING_MS, Math.min(SIGN_OF_LIFE_MS, inMs));
    waiter.askAt = performance.now() + delayMs;
    this.#askAt(waiter.askAt);
  }

  /** One timer for all; it does not keep the process alive. */
  #askAt(time: number): void {
    if (this.#timer !== undefined && this.#timerAt <= time) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    const delayMs = Math.max(0, time - performance.now());
    runOutsideRequests(() => {
      this.#timer = setTimeout(this.#askDue, delayMs).unref();
    });
  }

  readonly #askDue = (): void => {
    this.#timer = undefined;
    const until = performance.now() + SPACING_MS;
    const due: WaitingClaim[] = [];
    let next = Infinity;
    // Those that are being asked plan their next question themselves.
    for (const waiter of this.#waiters.values()) {
      if (waiter.isAsking) continue;
      if (waiter.askAt <= until) due.push(waiter);
      else next = Math.min(next, waiter.askAt);
    }
    this.#ask(due);
    if (next < Infinity) this.#askAt(next);
  };

  #failAll(): void {
    for (const waiter of this.#waiters.values()) waiter.settle(away());
  }
}

function areGranted(replies: readonly WaitReply[]): boolean {
  return replies.some(({ word }) => word === 'acquired');
}

/** What a claim left in the queue, or was given, is unknown. */
function away(): RedisUnavailableError {
  return new RedisUnavailableError('connection');
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

import { type FailoverJournal, RedisUnavailableError } from '../../../common/redis/index.js';
import type { LockClaim, LockDriver } from '../lock.driver.js';
import type { MemoryLockDriver } from './memory-lock.driver.js';
import type { PendingReleases } from './pending-releases.js';

export interface LockHandoverOptions {
  readonly redis: LockDriver;
  /** All holds of this process: those it granted while Redis was away, and those Redis granted. */
  readonly memory: MemoryLockDriver;
  readonly pending: PendingReleases;
}

/** Taken over at the same time. */
const AT_ONCE = 50;

/**
 * Takes the holds of this process over to Redis when it is back: each with its own token, for the
 * rest of its time, where nobody else holds the key. The token makes it safe to ask again.
 *
 * Those that Redis granted before are asked for as well: a server that came back empty, or was
 * failed over, may not know them any more. Until a hold is taken over, this process answers for its
 * key; a hold that somebody else was faster with is lost, and its handle says so at once.
 */
export class LockHandover implements FailoverJournal<LockDriver> {
  /** Nothing is recorded, the memory knows: no call is ever older than what was recorded. */
  readonly sequence = 0;
  readonly #options: LockHandoverOptions;
  /** Keys whose holds Redis has to be asked for; a set of its own for each time Redis came back. */
  #waiting = new Set<string>();

  constructor(options: LockHandoverOptions) {
    this.#options = options;
  }

  /** Redis is back: from now on, and in the same turn, it is asked for every hold. */
  begin(): void {
    this.#waiting = new Set(this.#options.memory.keys());
  }

  /** Does this process answer for the key although Redis is back? */
  keeps(key: string): boolean {
    return this.#waiting.has(key) && this.#options.memory.find(key) !== undefined;
  }

  get isEmpty(): boolean {
    for (const key of this.#waiting) {
      if (this.keeps(key)) return false;
      this.#waiting.delete(key);
    }
    return true;
  }

  covers(_method: keyof LockDriver, [subject]: readonly unknown[]): boolean {
    if (this.#waiting.size === 0) return false;
    return keysOf(subject).some((key) => this.keeps(key));
  }

  record(): void {}

  isOutdated(): boolean {
    return false;
  }

  /** Asks Redis itself: a hold that was asked for in vain is no claim to be released. */
  async replay(): Promise<void> {
    const waiting = this.#waiting;
    const keys = [...waiting];
    for (let at = 0; at < keys.length; at += AT_ONCE) {
      const some = keys.slice(at, at + AT_ONCE);
      const failures = await Promise.all(some.map((key) => this.#handOver(key, waiting)));
      const failure = failures.find((one) => one !== undefined);
      if (failure !== undefined) throw failure;
    }
  }

  /** Resolves to why Redis could not be asked. */
  async #handOver(key: string, waiting: Set<string>): Promise<RedisUnavailableError | undefined> {
    const { memory, pending } = this.#options;
    const hold = memory.find(key);
    if (hold === undefined) return undefined;
    const { token, owner, standing } = hold;
    standing.isShared = true;
    const ttlMs = Math.ceil(memory.remainingMs(key));
    const fence = standing.fence ?? 'none';
    const claim: LockClaim = { key, token, owner, ttlMs, fence, outsideBudget: true };
    const answer = await this.#ask(claim);
    if (answer === 'busy') return memory.lose(claim);
    const found = memory.find(key);
    // Given back, or over, while Redis was asked: it must not stand there.
    if (found?.token !== token) pending.add(claim);
    if (answer !== 'acquired') return answer;
    // Extended meanwhile: Redis has to know for how long, so it is asked once more.
    if (found === hold) waiting.delete(key);
    return undefined;
  }

  async #ask(claim: LockClaim): Promise<'acquired' | 'busy' | RedisUnavailableError> {
    try {
      // What this process gave back before may be in the way.
      await this.#options.pending.hurry(claim.key);
      return (await this.#options.redis.acquire(claim)).outcome;
    } catch (error) {
      if (error instanceof RedisUnavailableError) return error;
      // Nobody waits for this, so nobody would catch it. Redis will not keep others out.
      process.emitWarning(`A lock was not taken over: ${String(error)}`, 'BackplaneLockWarning');
      return 'busy';
    }
  }
}

/** Of what a call is about: a claim, claims, a hold, or the key itself; none for the list. */
function keysOf(subject: unknown): readonly string[] {
  if (typeof subject === 'string') return [subject];
  if (Array.isArray(subject)) return subject.flatMap(keysOf);
  if (typeof subject !== 'object' || subject === null || !('key' in subject)) return [];
  return [String(subject.key)];
}

import { runOutsideRequests } from '../../../common/context/index.js';
import type { FailoverJournal } from '../../../common/redis/index.js';
import { bucketOf, bucketOfUser, checkId } from '../session-id.js';
import type { NewSession, SessionDriver } from '../session.driver.js';
import { SessionBackendDownError } from '../session.errors.js';

/** Revocations remembered at once; one more is refused, because none may be forgotten. */
const MAX_REVOCATIONS = 100_000;
const REVOCATIONS_AT_ONCE = 100;
const BUCKETS_AT_ONCE = 16;

type Ending = 'destroy' | 'destroyAll';

interface Revocation {
  readonly ending: Ending;
  /** The id of a session, or of a user. */
  readonly subject: string;
  /** When it was recorded last. */
  readonly sequence: number;
}

/**
 * What was ended while Redis could not be told. Redis still holds those sessions.
 *
 * Nothing is covered: `SettlingSessionDriver` tells Redis what it missed in a bucket before it asks
 * for anything there. So the journal grows only with calls that found no answer, and shrinks
 * whatever the load. Whose a session is cannot be seen from its id, only the bucket of its user:
 * therefore by bucket.
 *
 * All sessions of a user are ended as of that moment: also those that another process opened for
 * him meanwhile. Ending what is gone changes nothing.
 */
export class RevocationJournal implements FailoverJournal<SessionDriver> {
  readonly #buckets = new Map<string, Map<string, Revocation>>();
  readonly #settling = new Map<string, Promise<void>>();
  #size = 0;
  #sequence = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /**
   * @throws InvalidOptionError for an id that no driver takes: it would make every replay fail
   * @throws SessionBackendDownError when it is full
   */
  record(method: keyof SessionDriver, args: readonly unknown[]): void {
    if (method === 'destroy') this.#add(method, checkId(args[0] as string, 'id'));
    if (method === 'destroyAll') this.#add(method, checkId(args[0] as string, 'userId'));
  }

  covers(): boolean {
    return false;
  }

  /**
   * What was to be stored before the same was ended, or replaced, in memory must not end up there.
   */
  isOutdated(method: keyof SessionDriver, args: readonly unknown[], sequence: number): boolean {
    if (method === 'put') return this.#isNewer('destroy', String(args[0]), sequence);
    if (method !== 'create') return false;
    const { id, userId } = args[0] as NewSession;
    return this.#isNewer('destroy', id, sequence) || this.#isNewer('destroyAll', userId, sequence);
  }

  async replay(primary: SessionDriver): Promise<void> {
    const buckets = [...this.#buckets.keys()];
    for (let at = 0; at < buckets.length; at += BUCKETS_AT_ONCE) {
      const batch = buckets.slice(at, at + BUCKETS_AT_ONCE);
      await Promise.all(batch.map((bucket) => this.settle(bucket, primary)));
    }
  }

  /**
   * Ends in Redis what was recorded in this bucket; at once where that is nothing. Callers share
   * the work, so it goes by no request's budget.
   *
   * @throws RedisUnavailableError when Redis did not confirm all of it
   */
  async settle(bucket: string, redis: SessionDriver): Promise<void> {
    if (!this.#buckets.has(bucket)) return;
    const running = this.#settling.get(bucket);
    if (running !== undefined) return running;
    const settled = runOutsideRequests(() => this.#drain(bucket, redis));
    this.#settling.set(bucket, settled);
    return settled;
  }

  async #drain(bucket: string, redis: SessionDriver): Promise<void> {
    try {
      for (;;) {
        const missed = [...(this.#buckets.get(bucket)?.values() ?? [])];
        if (missed.length === 0) return;
        await this.#confirm(bucket, missed.slice(0, REVOCATIONS_AT_ONCE), redis);
      }
    } finally {
      this.#settling.delete(bucket);
    }
  }

  /** Waits for all of them, also after a failure: none may arrive after what a caller does next. */
  async #confirm(bucket: string, batch: readonly Revocation[], redis: SessionDriver) {
    const outcomes = await Promise.allSettled(
      batch.map(async (revocation) => {
        await redis[revocation.ending](revocation.subject);
        this.#remove(bucket, revocation);
      }),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #add(ending: Ending, subject: string): void {
    const [bucket, key] = placeOf(ending, subject);
    const entries = this.#buckets.get(bucket) ?? new Map<string, Revocation>();
    if (!entries.has(key)) {
      if (this.#size >= MAX_REVOCATIONS) throw new SessionBackendDownError();
      this.#size += 1;
    }
    this.#sequence += 1;
    entries.set(key, { ending, subject, sequence: this.#sequence });
    this.#buckets.set(bucket, entries);
  }

  /** One that was recorded again meanwhile stays. */
  #remove(bucket: string, revocation: Revocation): void {
    const entries = this.#buckets.get(bucket);
    const [, key] = placeOf(revocation.ending, revocation.subject);
    if (entries?.get(key) !== revocation) return;
    entries.delete(key);
    this.#size -= 1;
    if (entries.size === 0) this.#buckets.delete(bucket);
  }

  #isNewer(ending: Ending, subject: string, sequence: number): boolean {
    const [bucket, key] = placeOf(ending, subject);
    return (this.#buckets.get(bucket)?.get(key)?.sequence ?? 0) > sequence;
  }
}

/** The bucket, and the name within it. */
function placeOf(ending: Ending, subject: string): readonly [bucket: string, key: string] {
  const bucket = ending === 'destroy' ? bucketOf(subject) : bucketOfUser(subject);
  return [bucket, `${ending} ${subject}`];
}

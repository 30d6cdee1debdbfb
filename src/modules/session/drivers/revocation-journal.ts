import type { FailoverJournal } from '../../../common/redis/index.js';
import { bucketOf, bucketOfUser, checkId } from '../session-id.js';
import type { SessionDriver } from '../session.driver.js';
import { SessionBackendDownError } from '../session.errors.js';

/** Revocations remembered at once; one more is refused, because none may be forgotten. */
const MAX_REVOCATIONS = 100_000;
const REVOCATIONS_AT_ONCE = 100;

/** By what is revoked, when that was recorded last and in which bucket it is. */
type Revocations = Map<string, { readonly sequence: number; readonly bucket: string }>;

/**
 * What was ended while Redis could not be told. Redis still holds those sessions, so each is ended
 * there before it is served from Redis again. Ending one that is gone changes nothing.
 *
 * All sessions of a user are ended as of the replay: also those that another process opened for him
 * meanwhile. Until then every session in the bucket of that user counts as ended.
 */
export class RevocationJournal implements FailoverJournal<SessionDriver> {
  readonly #ids: Revocations = new Map();
  readonly #userIds: Revocations = new Map();
  #sequence = 0;

  get isEmpty(): boolean {
    return this.#ids.size === 0 && this.#userIds.size === 0;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /**
   * @throws InvalidOptionError for an id that no driver takes: it would make every replay fail
   * @throws SessionBackendDownError when it is full
   */
  record(method: keyof SessionDriver, args: readonly unknown[]): void {
    switch (method) {
      case 'destroy':
      // What `put` replaced must not be there again afterwards.
      case 'put':
        this.#add(this.#ids, checkId(args[0] as string, 'id'), bucketOf);
        return;
      case 'destroyAll':
        this.#add(this.#userIds, checkId(args[0] as string, 'userId'), bucketOfUser);
        return;
      case 'create':
      case 'get':
      case 'validate':
      case 'touch':
      case 'update':
      case 'list':
      case 'count':
        return;
      default:
        method satisfies never;
    }
  }

  covers(method: keyof SessionDriver, args: readonly unknown[]): boolean {
    if (this.isEmpty) return false;
    const [subject] = args;
    switch (method) {
      case 'count':
        return false;
      case 'list':
      case 'destroyAll':
        return this.#userIds.has(String(subject)) || this.#ids.size > 0;
      case 'create':
      case 'validate':
        return this.#mayBeEnded((subject as { readonly id: string }).id);
      case 'put':
      case 'get':
      case 'touch':
      case 'update':
      case 'destroy':
        return this.#mayBeEnded(String(subject));
      default:
        return method satisfies never;
    }
  }

  /** A session that was to be stored before others were ended may be one of them. */
  isOutdated(method: keyof SessionDriver, _args: readonly unknown[], sequence: number): boolean {
    return (method === 'create' || method === 'put') && sequence !== this.#sequence;
  }

  async replay(primary: SessionDriver): Promise<void> {
    await drain(this.#userIds, (userId) => primary.destroyAll(userId));
    await drain(this.#ids, (id) => primary.destroy(id));
  }

  /** Whose a session is cannot be seen from its id, only in which bucket its user is. */
  #mayBeEnded(id: string): boolean {
    if (this.#ids.has(id)) return true;
    if (this.#userIds.size === 0) return false;
    const bucket = bucketOf(id);
    for (const user of this.#userIds.values()) if (user.bucket === bucket) return true;
    return false;
  }

  #add(entries: Revocations, entry: string, bucketOfEntry: (entry: string) => string): void {
    const isFull = this.#ids.size + this.#userIds.size >= MAX_REVOCATIONS;
    if (isFull && !entries.has(entry)) throw new SessionBackendDownError();
    this.#sequence += 1;
    entries.set(entry, { sequence: this.#sequence, bucket: bucketOfEntry(entry) });
  }
}

/** An entry stays until it is confirmed; one that was recorded again meanwhile stays longer. */
async function drain(
  entries: Revocations,
  revoke: (entry: string) => Promise<unknown>,
): Promise<void> {
  const waiting = [...entries];
  for (let at = 0; at < waiting.length; at += REVOCATIONS_AT_ONCE) {
    const batch = waiting.slice(at, at + REVOCATIONS_AT_ONCE);
    await Promise.all(batch.map(([entry]) => revoke(entry)));
    for (const [entry, recorded] of batch) {
      if (entries.get(entry) === recorded) entries.delete(entry);
    }
  }
}

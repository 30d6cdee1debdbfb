import type { FailoverJournal } from '../../../common/redis/index.js';
import { checkId } from '../session-id.js';
import type { SessionDriver } from '../session.driver.js';
import { SessionBackendDownError } from '../session.errors.js';

/** Revocations remembered at once; one more is refused, because none may be forgotten. */
const MAX_REVOCATIONS = 100_000;
const REVOCATIONS_AT_ONCE = 100;

/**
 * What was ended while Redis could not be told. Redis still holds those sessions, so they are ended
 * there before anything is served from it again. Ending one that is gone changes nothing.
 *
 * All sessions of a user are ended as of the replay: also those that another process opened for him
 * meanwhile.
 */
export class RevocationJournal implements FailoverJournal<SessionDriver> {
  readonly #ids = new Set<string>();
  readonly #userIds = new Set<string>();

  get isEmpty(): boolean {
    return this.#ids.size === 0 && this.#userIds.size === 0;
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
        this.#add(this.#ids, checkId(args[0] as string, 'id'));
        return;
      case 'destroyAll':
        this.#add(this.#userIds, checkId(args[0] as string, 'userId'));
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

  /** Entries leave before they are replayed: one that is recorded again meanwhile stays. */
  async replay(primary: SessionDriver): Promise<void> {
    await drain(this.#userIds, (userId) => primary.destroyAll(userId));
    await drain(this.#ids, (id) => primary.destroy(id));
  }

  #add(entries: Set<string>, entry: string): void {
    const isFull = this.#ids.size + this.#userIds.size >= MAX_REVOCATIONS;
    if (isFull && !entries.has(entry)) throw new SessionBackendDownError();
    entries.add(entry);
  }
}

async function drain(
  entries: Set<string>,
  revoke: (entry: string) => Promise<unknown>,
): Promise<void> {
  const waiting = [...entries];
  for (let at = 0; at < waiting.length; at += REVOCATIONS_AT_ONCE) {
    const batch = waiting.slice(at, at + REVOCATIONS_AT_ONCE);
    for (const entry of batch) entries.delete(entry);
    try {
      await Promise.all(batch.map(revoke));
    } catch (error) {
      for (const entry of batch) entries.add(entry);
      throw error;
    }
  }
}

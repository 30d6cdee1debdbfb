import { bucketOf, bucketOfUser, checkId, type SessionCredential } from '../session-id.js';
import type {
  EndedSession,
  NewSession,
  SessionChange,
  SessionContent,
  SessionDriver,
  StoredSession,
  TouchRule,
  UpdateOutcome,
  ValidatedSession,
} from '../session.driver.js';
import type { RevocationJournal } from './revocation-journal.js';

/**
 * Redis after an outage: it is told what was ended meanwhile before it is asked for anything that
 * this may concern. What ends sessions needs no such order and goes straight through.
 */
export class SettlingSessionDriver implements SessionDriver {
  readonly #redis: SessionDriver;
  readonly #journal: RevocationJournal;

  constructor(redis: SessionDriver, journal: RevocationJournal) {
    this.#redis = redis;
    this.#journal = journal;
  }

  create(session: NewSession): Promise<StoredSession | undefined> {
    return this.#ofSession(session.id, () => this.#redis.create(session));
  }

  put(id: string, content: SessionContent): Promise<StoredSession | undefined> {
    return this.#ofSession(id, () => this.#redis.put(id, content));
  }

  get(id: string): Promise<StoredSession | undefined> {
    return this.#ofSession(id, () => this.#redis.get(id));
  }

  validate(credential: SessionCredential, rule: TouchRule): Promise<ValidatedSession | undefined> {
    return this.#ofSession(credential.id, () => this.#redis.validate(credential, rule));
  }

  touch(id: string): Promise<StoredSession | undefined> {
    return this.#ofSession(id, () => this.#redis.touch(id));
  }

  update(id: string, change: SessionChange): Promise<UpdateOutcome> {
    return this.#ofSession(id, () => this.#redis.update(id, change));
  }

  destroy(id: string): Promise<EndedSession | undefined> {
    return this.#redis.destroy(id);
  }

  async list(userId: string): Promise<readonly StoredSession[]> {
    await this.#journal.settle(bucketOfUser(checkId(userId, 'userId')), this.#redis);
    return this.#redis.list(userId);
  }

  destroyAll(userId: string): Promise<number> {
    return this.#redis.destroyAll(userId);
  }

  count(): Promise<number> {
    return this.#redis.count();
  }

  /** A session of a user lies in the bucket of that user. */
  async #ofSession<T>(id: string, call: () => Promise<T>): Promise<T> {
    await this.#journal.settle(bucketOf(checkId(id, 'id')), this.#redis);
    return call();
  }
}

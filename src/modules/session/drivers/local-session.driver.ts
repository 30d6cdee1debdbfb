import { parseDuration } from '../../../common/time/index.js';
import { isIssuable } from '../session-id.js';
import type { EndedSession, SessionContent, StoredSession } from '../session.driver.js';
import { SessionBackendDownError } from '../session.errors.js';
import { MemorySessionDriver, type MemorySessionDriverOptions } from './memory-session.driver.js';
import type { RevocationJournal } from './revocation-journal.js';

export interface LocalSessionDriverOptions extends MemorySessionDriverOptions {
  /** Where `destroy` and `destroyAll` were recorded already. */
  readonly journal: RevocationJournal;
}

/**
 * What answers while Redis is away and the policy is `memory`: sessions of this outage, in this
 * process. What Redis holds meanwhile is unknown here.
 */
export class LocalSessionDriver extends MemorySessionDriver {
  readonly #journal: RevocationJournal;

  constructor(options: LocalSessionDriverOptions) {
    super(options);
    this.#journal = options.journal;
  }

  /**
   * What Redis has under the id counts as replaced, and is ended there. Hence only an id that
   * `create` never issues: under another, Redis may have a login.
   *
   * @throws SessionBackendDownError for an id of that form
   */
  override async put(id: string, content: SessionContent): Promise<StoredSession | undefined> {
    if (isIssuable(id)) throw new SessionBackendDownError();
    // First what may be refused; and recorded in the same turn, so that no recovery comes in
    // between.
    parseDuration(content.ttlMs, 'ttlMs');
    this.#journal.record('destroy', [id]);
    return super.put(id, content);
  }

  /** A session that is not here may be in Redis, where it will be ended: it counts as ended. */
  override async destroy(id: string): Promise<EndedSession> {
    return (await super.destroy(id)) ?? { userId: undefined };
  }
}

import { type Clock, parseDuration } from '../../../common/time/index.js';
import {
  checkId,
  checkIssued,
  isSameHash,
  type SessionCredential,
  userKeyOf,
} from '../session-id.js';
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

export interface MemorySessionDriverOptions {
  readonly clock: Clock;
  /** Sessions kept at once; beyond it the one unused for longest ends. */
  readonly maxSessions: number;
}

/**
 * Expired sessions looked for with every new one: two out for one in keeps the map from growing.
 */
const SWEEP_PER_INSERT = 2;
const PERMILLE = 1_000;
const NO_BYTES = Buffer.alloc(0);

/** Sessions in this process. They end with it. */
export class MemorySessionDriver implements SessionDriver {
  readonly #options: MemorySessionDriverOptions;
  /** The one unused for longest comes first. */
  readonly #sessions = new Map<string, StoredSession>();
  readonly #idsOfUser = new Map<string, Set<string>>();
  #sweep: MapIterator<StoredSession> | undefined;
  #changes = 0;

  constructor(options: MemorySessionDriverOptions) {
    this.#options = options;
  }

  async create(session: NewSession): Promise<StoredSession | undefined> {
    checkIssued(session.id, session.userId);
    if (this.#live(session.id) !== undefined) return undefined;
    return this.#insert(session);
  }

  async put(id: string, content: SessionContent): Promise<StoredSession | undefined> {
    if (this.#live(checkId(id, 'id'))?.secretHash !== undefined) return undefined;
    return this.#insert({
      ...content,
      id,
      userId: undefined,
      secretHash: undefined,
      origin: NO_BYTES,
    });
  }

  async get(id: string): Promise<StoredSession | undefined> {
    return this.#live(checkId(id, 'id'));
  }

  async validate(
    { id, userKey, secretHash }: SessionCredential,
    { touchPermille }: TouchRule,
  ): Promise<ValidatedSession | undefined> {
    const session = this.#live(id);
    if (session?.userId === undefined || session.secretHash === undefined) return undefined;
    if (userKeyOf(session.userId) !== userKey) return undefined;
    if (!isSameHash(session.secretHash, secretHash)) return undefined;
    const unseenMs = this.#options.clock.now() - session.lastSeenAtMs;
    const isDue = unseenMs * PERMILLE >= session.ttlMs * touchPermille;
    return { session: isDue ? this.#renew(session) : session, isTouched: isDue };
  }

  async touch(id: string): Promise<StoredSession | undefined> {
    const session = this.#live(checkId(id, 'id'));
    if (session === undefined) return undefined;
    // A clock that was set back must not make a session older.
    return this.#options.clock.now() < session.lastSeenAtMs ? session : this.#renew(session);
  }

  async update(id: string, { version, data }: SessionChange): Promise<UpdateOutcome> {
    const session = this.#live(checkId(id, 'id'));
    if (session === undefined) return { outcome: 'absent' };
    if (session.version !== version) return { outcome: 'conflict', session };
    const updated = { ...session, data, version: this.#nextVersion() };
    this.#sessions.set(id, updated);
    return { outcome: 'updated', session: updated };
  }

  async destroy(id: string): Promise<EndedSession | undefined> {
    const session = this.#live(checkId(id, 'id'));
    if (session === undefined) return undefined;
    this.#remove(session);
    return { userId: session.userId };
  }

  async list(userId: string): Promise<readonly StoredSession[]> {
    const ids = this.#idsOfUser.get(checkId(userId, 'userId')) ?? [];
    return [...ids].flatMap((id) => this.#live(id) ?? []);
  }

  async destroyAll(userId: string): Promise<number> {
    const sessions = await this.list(userId);
    for (const session of sessions) this.#remove(session);
    return sessions.length;
  }

  /** Looks at every session: they are in this process, and not many. */
  async count(): Promise<number> {
    const now = this.#options.clock.now();
    return [...this.#sessions.values()].filter(({ expiresAtMs }) => expiresAtMs > now).length;
  }

  /** Ends everything. */
  clear(): void {
    this.#sessions.clear();
    this.#idsOfUser.clear();
  }

  #live(id: string): StoredSession | undefined {
    const session = this.#sessions.get(id);
    return session !== undefined && session.expiresAtMs > this.#options.clock.now()
      ? session
      : undefined;
  }

  #insert(given: Omit<NewSession, 'userId' | 'secretHash'> & Owner): StoredSession {
    const ttlMs = parseDuration(given.ttlMs, 'ttlMs');
    const now = this.#options.clock.now();
    const times = { createdAtMs: now, lastSeenAtMs: now, expiresAtMs: now + ttlMs };
    const session = { ...given, ...times, version: this.#nextVersion() };
    const before = this.#sessions.get(given.id);
    if (before !== undefined) this.#remove(before);
    this.#makeRoom(now);
    this.#sessions.set(session.id, session);
    if (session.userId !== undefined) this.#index(session.userId, session.id);
    return session;
  }

  #renew(session: StoredSession): StoredSession {
    const now = this.#options.clock.now();
    const renewed = { ...session, lastSeenAtMs: now, expiresAtMs: now + session.ttlMs };
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, renewed);
    return renewed;
  }

  #index(userId: string, id: string): void {
    const ids = this.#idsOfUser.get(userId) ?? new Set();
    this.#idsOfUser.set(userId, ids.add(id));
  }

  #remove({ id, userId }: StoredSession): void {
    this.#sessions.delete(id);
    if (userId === undefined) return;
    const ids = this.#idsOfUser.get(userId);
    ids?.delete(id);
    if (ids?.size === 0) this.#idsOfUser.delete(userId);
  }

  #makeRoom(now: number): void {
    for (let step = 0; step < SWEEP_PER_INSERT; step += 1) {
      this.#sweep ??= this.#sessions.values();
      const { value, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else if (value.expiresAtMs <= now) this.#remove(value);
    }
    const [oldest] = this.#sessions.values();
    if (this.#sessions.size >= this.#options.maxSessions && oldest) this.#remove(oldest);
  }

  #nextVersion(): string {
    this.#changes += 1;
    return String(this.#changes);
  }
}

type Owner = Pick<StoredSession, 'userId' | 'secretHash'>;

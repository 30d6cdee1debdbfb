import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CodecError } from '../../common/codec/index.js';
import { EventStream } from '../../common/events/index.js';
import { CLOCK, type Clock, type Duration, parseDuration } from '../../common/time/index.js';
import type {
  Authentication,
  CreatedSession,
  Session,
  SessionData,
  SessionDevice,
} from './session.js';
import { byLastSeen, changed, type SessionUpdate } from './session-change.js';
import { SessionCodec } from './session.codec.js';
import { SessionDriver, type StoredSession } from './session.driver.js';
import { SessionConflictError, SessionIdTakenError } from './session.errors.js';
import {
  checkId,
  createSecret,
  createSessionId,
  formatCookieValue,
  hashSecret,
  isSameHash,
  parseCookieValue,
  userKeyOf,
} from './session-id.js';
import { SESSION_OPTIONS } from './session.module-definition.js';
import type { ResolvedSessionOptions } from './session.options.js';
import './session.events.js';

export interface CreateSession<Data extends SessionData = SessionData> {
  readonly userId: string;
  /** @default {} */
  readonly data?: Data | undefined;
  /** At most 4 KiB packed. */
  readonly device?: SessionDevice | undefined;
  readonly ip?: string | undefined;
  /** @default the module's `ttl` */
  readonly ttl?: Duration | undefined;
}

/** Attempts of one `update`; each is lost only to another that was won. */
const MAX_ATTEMPTS = 100;
const MAX_BACK_OFF_MS = 16;
/** How old `count` may be: counting asks every bucket. */
const COUNT_AGE_MS = 5_000;

/**
 * Sessions. A session that was destroyed, or whose time is over, is absent for every method and stays
 * so, whatever races with it.
 *
 * Every method may throw `SessionBackendDownError`: see `onRedisDown`. Types of `data` are a claim.
 *
 * @example
 * const { session, cookieValue } = await sessions.create({ userId: 'ada', data: { role: 'admin' } });
 * await sessions.update(session.id, { theme: 'dark' });
 * await sessions.destroyAllForUser('ada');
 */
@Injectable()
export class SessionService {
  readonly #codec: SessionCodec;
  #counted: { readonly at: number; readonly value: Promise<number> } | undefined;

  constructor(
    @Inject(SessionDriver) private readonly driver: SessionDriver,
    @Inject(SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
    @Inject(EventStream) private readonly events: EventStream,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#codec = new SessionCodec(options.maxDataBytes);
  }

  /**
   * Opens a session for a user. The secret in `cookieValue` is told here and nowhere else: only its
   * SHA-256 is stored.
   *
   * @throws InvalidOptionError @throws SessionTooLargeError @throws CodecError
   */
  async create<Data extends SessionData = SessionData>(
    request: CreateSession<Data>,
  ): Promise<CreatedSession<Data>> {
    const { ip, device, data = {} } = request;
    const userId = checkId(request.userId, 'userId');
    const id = createSessionId(userId);
    const secret = createSecret();
    const stored = await this.driver.create({
      id,
      userId,
      secretHash: hashSecret(secret),
      ttlMs: this.#ttl(request.ttl),
      origin: await this.#codec.encodeOrigin({ ip, device }),
      data: await this.#codec.encodeData(data),
    });
    if (stored === undefined) throw new SessionIdTakenError(id);
    this.events.emit('session.created', { id, userId });
    const session = (await this.#codec.decode(stored)) as Session<Data>;
    return { session, cookieValue: formatCookieValue(id, userKeyOf(userId), secret) };
  }

  /**
   * Stores a session under an id that the server's own code chose: any text of up to 1 kB. No cookie
   * opens it, whatever the id looks like, and it belongs to no user. Replaces what `put` stored before.
   *
   * While Redis is away, an id in the form of a UUID of version 4 is refused: a client may have it.
   *
   * @throws SessionIdTakenError for the id of a session that `create` made
   * @throws InvalidOptionError @throws SessionTooLargeError @throws CodecError
   */
  async put<Data extends SessionData>(
    id: string,
    data: Data,
    options: { readonly ttl?: Duration | undefined } = {},
  ): Promise<Session<Data>> {
    const content = { ttlMs: this.#ttl(options.ttl), data: await this.#codec.encodeData(data) };
    const stored = await this.driver.put(id, content);
    if (stored === undefined) throw new SessionIdTakenError(id);
    this.events.emit('session.stored', { id });
    return (await this.#codec.decode(stored)) as Session<Data>;
  }

  /** The session with that public id, or `undefined`. Does not touch it. */
  async get<Data extends SessionData = SessionData>(
    id: string,
  ): Promise<Session<Data> | undefined> {
    return (await this.#decode(await this.driver.get(id))) as Session<Data> | undefined;
  }

  /** The session that a cookie's value opens, touched if that is due; `undefined` for all others. */
  async validate<Data extends SessionData = SessionData>(
    cookieValue: string | undefined,
  ): Promise<Session<Data> | undefined> {
    return (await this.authenticate<Data>(cookieValue))?.session;
  }

  /** As `validate`, for callers that send the cookie again once its session was renewed. */
  async authenticate<Data extends SessionData = SessionData>(
    cookieValue: string | undefined,
  ): Promise<Authentication<Data> | undefined> {
    if (cookieValue === undefined) return undefined;
    const credential = parseCookieValue(cookieValue);
    if (credential === undefined) return this.#reject('malformed');
    const found = await this.driver.validate(credential, this.options);
    const expected = found?.session.secretHash;
    // The drivers have compared it already; one of the application's own may have forgotten to.
    if (expected === undefined || !isSameHash(expected, credential.secretHash)) {
      return this.#reject('invalid');
    }
    const session = (await this.#decode(found?.session)) as Session<Data> | undefined;
    return session && { session, isRenewed: found?.isTouched === true };
  }

  /** Notes that the session was used now and starts its life anew. `undefined` when it is absent. */
  async touch(id: string): Promise<Session | undefined> {
    return this.#decode(await this.driver.touch(id));
  }

  /**
   * Changes the data: merges top-level values, or stores what a function makes of the data. No change
   * is lost: where others changed the session meanwhile, it is made again from what they left, so the
   * function may run more than once. Resolves to the session, or `undefined` when it is absent.
   *
   * @throws SessionConflictError after 100 lost attempts
   * @throws InvalidOptionError @throws SessionTooLargeError @throws CodecError
   */
  async update<Data extends SessionData = SessionData>(
    id: string,
    change: SessionUpdate<NoInfer<Data>>,
  ): Promise<Session<Data> | undefined> {
    let before = await this.driver.get(id);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      if (before === undefined) return undefined;
      const data = await this.#encodeChanged(before, change as SessionUpdate);
      const result = await this.driver.update(id, { version: before.version, data });
      if (result.outcome === 'absent') return undefined;
      if (result.outcome === 'updated') {
        return (await this.#codec.decode(result.session)) as Session<Data>;
      }
      before = result.session;
      await delay(Math.random() * Math.min(attempt, MAX_BACK_OFF_MS));
    }
    throw new SessionConflictError(id, MAX_ATTEMPTS);
  }

  /**
   * Ends a session. Resolves to whether there was a live one; with `onRedisDown: 'memory'` to `true`
   * as well where Redis did not answer: it is ended there before this process asks for it again.
   */
  async destroy(id: string): Promise<boolean> {
    const ended = await this.driver.destroy(id);
    if (ended === undefined) return false;
    this.events.emit('session.destroyed', { id, userId: ended.userId });
    return true;
  }

  /** The live sessions of a user, the last seen first. */
  async listForUser(userId: string): Promise<readonly Session[]> {
    const stored = await this.driver.list(userId);
    const sessions = await Promise.all(stored.map((session) => this.#decode(session)));
    return sessions.filter((session) => session !== undefined).toSorted(byLastSeen);
  }

  /**
   * Ends every session of a user at once. Resolves to how many live ones ended; where Redis gave no
   * answer, and `onRedisDown` is `'memory'`, of those in this process.
   */
  async destroyAllForUser(userId: string): Promise<number> {
    const count = await this.driver.destroyAll(userId);
    this.events.emit('session.revoked', { userId, count });
    return count;
  }

  /** How many sessions are live, of all users; up to five seconds old, for health pages and metrics. */
  count(): Promise<number> {
    const now = this.clock.monotonic();
    if (this.#counted === undefined || now - this.#counted.at >= COUNT_AGE_MS) {
      const value = this.driver.count();
      this.#counted = { at: now, value };
      // A failure is told to those who asked and not kept.
      value.catch(() => {
        if (this.#counted?.value === value) this.#counted = undefined;
      });
    }
    return this.#counted.value;
  }

  async #encodeChanged(before: StoredSession, change: SessionUpdate): Promise<Buffer> {
    const data = await this.#codec.decodeData(before.data);
    return this.#codec.encodeData(await changed(data, change));
  }

  /** What another release stored, or what is damaged, is as good as absent. */
  async #decode(stored: StoredSession | undefined): Promise<Session | undefined> {
    if (stored === undefined) return undefined;
    try {
      return await this.#codec.decode(stored);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.events.emit('session.unreadable', { id: stored.id, reason: error.code });
      return undefined;
    }
  }

  #reject(reason: 'malformed' | 'invalid'): undefined {
    this.events.emit('session.rejected', { reason });
  }

  #ttl(ttl: Duration | undefined): number {
    return ttl === undefined ? this.options.ttlMs : parseDuration(ttl, 'ttl');
  }
}

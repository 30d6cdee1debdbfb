import { randomBytes } from 'node:crypto';
import type { CallBounds, RedisConnection } from '../../../common/redis/index.js';
import { type Clock, parseDuration } from '../../../common/time/index.js';
import {
  checkId,
  checkIssued,
  isIssuable,
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
import { RedisSessionCounter } from './redis-session-counter.js';
import { RedisSessionKeys } from './redis-session-keys.js';
import { SESSION_CREATE } from './scripts/session-create.lua.js';
import { SESSION_DESTROY } from './scripts/session-destroy.lua.js';
import { SESSION_INDEX_READ } from './scripts/session-index.lua.js';
import { SESSION_PUT } from './scripts/session-put.lua.js';
import { SESSION_READ } from './scripts/session-read.lua.js';
import { decodeFound, tagOf } from './scripts/session-record.lua.js';
import { SESSION_REVOKE } from './scripts/session-revoke.lua.js';
import { SESSION_TOUCH } from './scripts/session-touch.lua.js';
import { SESSION_UPDATE } from './scripts/session-update.lua.js';

export interface RedisSessionDriverOptions {
  /** Longest wait for one call; for each step of `list`. */
  readonly deadlineMs: number;
  /** For tests that step time; without it the server's clock decides. */
  readonly clock?: Clock;
}

/** Sessions read by one call of `list`: about 1 ms of the server's time. */
const SESSIONS_PER_READ = 200;
const RANDOM_BYTES = 9;

/** How many sessions there are is the user's doing: no reason to think that Redis is ill. */
const OF_ANY_SIZE = { isSurvey: true, outsideBudget: false } as const;

/**
 * Sessions in Redis, a hash each. With a cookie everything is one round trip. By public id it is
 * two: the first finds whose session it is, and so the names of the keys the script may touch; a
 * session never changes its user, so nothing can come in between.
 */
export class RedisSessionDriver implements SessionDriver {
  readonly #connection: RedisConnection;
  readonly #options: RedisSessionDriverOptions;
  readonly #keys: RedisSessionKeys;
  readonly #counter: RedisSessionCounter;

  constructor(connection: RedisConnection, options: RedisSessionDriverOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#keys = new RedisSessionKeys(connection);
    this.#counter = new RedisSessionCounter(connection, this.#keys, options.clock);
  }

  async create(session: NewSession): Promise<StoredSession | undefined> {
    checkIssued(session.id, session.userId);
    parseDuration(session.ttlMs, 'ttlMs');
    const userKey = userKeyOf(session.userId);
    const reply = await this.#connection.script(SESSION_CREATE, {
      ...this.#options,
      keys: this.#keys.session(session.id, userKey),
      args: { session, userKey, version: randomToken(), generation: randomToken() },
    });
    return tagOf(reply) === 'created' ? decodeFound(session.id, reply) : undefined;
  }

  async put(id: string, { ttlMs, data }: SessionContent): Promise<StoredSession | undefined> {
    parseDuration(ttlMs, 'ttlMs');
    const reply = await this.#connection.script(SESSION_PUT, {
      ...this.#options,
      keys: this.#keys.session(id, await this.#userKeyOf(id)),
      args: { id, ttlMs, version: randomToken(), data },
    });
    return tagOf(reply) === 'stored' ? decodeFound(id, reply) : undefined;
  }

  async get(id: string): Promise<StoredSession | undefined> {
    const { generation } = this.#keys.session(id, await this.#userKeyOf(id));
    const [session] = await this.#read(generation, [id]);
    return session;
  }

  async validate(
    { id, userKey, secretHash }: SessionCredential,
    { touchPermille }: TouchRule,
  ): Promise<ValidatedSession | undefined> {
    const reply = await this.#connection.script(SESSION_TOUCH, {
      ...this.#options,
      keys: this.#keys.session(id, userKey),
      args: { id, userKey, secretHash, touchPermille },
    });
    const tag = tagOf(reply);
    if (tag === 'absent') return undefined;
    return { session: decodeFound(id, reply), isTouched: tag === 'touched' };
  }

  async touch(id: string): Promise<StoredSession | undefined> {
    const userKey = await this.#userKeyOf(id);
    const reply = await this.#connection.script(SESSION_TOUCH, {
      ...this.#options,
      keys: this.#keys.session(id, userKey),
      args: { id, userKey: userKey ?? '', secretHash: undefined, touchPermille: 0 },
    });
    return tagOf(reply) === 'absent' ? undefined : decodeFound(id, reply);
  }

  async update(id: string, change: SessionChange): Promise<UpdateOutcome> {
    const reply = await this.#connection.script(SESSION_UPDATE, {
      ...this.#options,
      keys: this.#keys.session(id, await this.#userKeyOf(id)),
      args: { expected: change.version, version: randomToken(), data: change.data },
    });
    const tag = tagOf(reply);
    if (tag === 'absent') return { outcome: 'absent' };
    const outcome = tag === 'updated' ? 'updated' : 'conflict';
    return { outcome, session: decodeFound(id, reply) };
  }

  async destroy(id: string): Promise<EndedSession | undefined> {
    const keys = this.#keys.session(id, await this.#userKeyOf(id));
    return this.#connection.script(SESSION_DESTROY, { ...this.#options, keys, args: id });
  }

  async list(userId: string): Promise<readonly StoredSession[]> {
    const { generation, index } = this.#keys.user(checkId(userId, 'userId'));
    const call = { ...this.#options, keys: index, args: undefined };
    const ids = await this.#connection.script(SESSION_INDEX_READ, call);
    const sessions: StoredSession[] = [];
    for (let at = 0; at < ids.length; at += SESSIONS_PER_READ) {
      const some = ids.slice(at, at + SESSIONS_PER_READ);
      sessions.push(...(await this.#read(generation, some, OF_ANY_SIZE)));
    }
    return sessions;
  }

  async destroyAll(userId: string): Promise<number> {
    const keys = this.#keys.user(checkId(userId, 'userId'));
    return this.#connection.script(SESSION_REVOKE, { ...this.#options, keys, args: undefined });
  }

  count(): Promise<number> {
    return this.#counter.count();
  }

  /** Whose session it is; `undefined` when there is none, or one of nobody. */
  async #userKeyOf(id: string): Promise<string | undefined> {
    if (!isIssuable(checkId(id, 'id'))) return undefined;
    const key = this.#keys.record(id);
    const found = await this.#connection.command((client) => client.hget(key, 'userKey'), {
      ...this.#options,
    });
    return found ?? undefined;
  }

  async #read(
    generation: string,
    ids: readonly string[],
    extent: Partial<CallBounds> = {},
  ): Promise<readonly StoredSession[]> {
    const sessions = ids.map((id) => this.#keys.record(id));
    const replies = await this.#connection.script(SESSION_READ, {
      ...this.#options,
      ...extent,
      keys: { generation, sessions },
      args: undefined,
    });
    return replies.flatMap((reply, at) =>
      tagOf(reply) === 'found' ? [decodeFound(ids[at] ?? '', reply)] : [],
    );
  }
}

/** Never the same twice, so that what was lost or removed cannot match again. */
function randomToken(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}

import type { SessionCredential } from './session-id.js';

/** Injection token and contract of what keeps the sessions. */
export const SessionDriver = Symbol('SessionDriver');

/** A session as a driver keeps it. Bytes are the service's; a driver does not look into them. */
export interface StoredSession {
  readonly id: string;
  /** `undefined` for what `put` stored. */
  readonly userId: string | undefined;
  /** `undefined` for what `put` stored: no cookie ever opens it. */
  readonly secretHash: string | undefined;
  readonly createdAtMs: number;
  readonly lastSeenAtMs: number;
  readonly expiresAtMs: number;
  readonly ttlMs: number;
  /** Changes with every change of `data`, and never comes back. */
  readonly version: string;
  /** Where the session was opened from; never changes. */
  readonly origin: Buffer;
  readonly data: Buffer;
}

export interface NewSession {
  /** From `createSessionId` for that user, else `InvalidOptionError`. */
  readonly id: string;
  readonly userId: string;
  readonly secretHash: string;
  readonly ttlMs: number;
  readonly origin: Buffer;
  readonly data: Buffer;
}

export interface SessionContent {
  readonly ttlMs: number;
  readonly data: Buffer;
}

export interface SessionChange {
  /** The version the change was made from. */
  readonly version: string;
  readonly data: Buffer;
}

/** What a validation may do besides: touch, once so many thousandths of the life have passed. */
export interface TouchRule {
  readonly touchPermille: number;
}

export interface ValidatedSession {
  readonly session: StoredSession;
  readonly isTouched: boolean;
}

export type UpdateOutcome =
  | { readonly outcome: 'updated'; readonly session: StoredSession }
  /** Somebody else changed the data since; this is the session now. */
  | { readonly outcome: 'conflict'; readonly session: StoredSession }
  | { readonly outcome: 'absent' };

export interface EndedSession {
  /** `undefined` for what `put` stored, and where the store is away and cannot tell. */
  readonly userId: string | undefined;
}

/**
 * Keeps sessions until their time is over or they are destroyed.
 *
 * A session that is destroyed, expired or revoked with all of its user's is absent, for every
 * method and for good: no write, late or racing, brings it back. Every method but `list` and
 * `count` is atomic towards all others. Times are whole ms of the store's clock. Ids and user ids
 * are well-formed texts of 1 to 1024 bytes, else a call rejects with `InvalidOptionError` and
 * changes nothing.
 *
 * A lost reply means unknown: a write may have happened, and does not happen after the caller
 * stopped waiting.
 */
export interface SessionDriver {
  /** Stores a session. `undefined`, and nothing changed, when the id is taken. */
  create(session: NewSession): Promise<StoredSession | undefined>;

  /**
   * Stores a session under an id of the caller's choice, in place of what `put` stored there
   * before. `undefined`, and nothing changed, when the id is that of a live session from `create`.
   */
  put(id: string, content: SessionContent): Promise<StoredSession | undefined>;

  get(id: string): Promise<StoredSession | undefined>;

  /**
   * The session, if the credential opens it: its id, its user, and the hash of its secret, compared
   * in constant time. Touches it as `rule` says; never touches a session that it does not open.
   */
  validate(credential: SessionCredential, rule: TouchRule): Promise<ValidatedSession | undefined>;

  /** Notes that the session was used now and starts its life anew. */
  touch(id: string): Promise<StoredSession | undefined>;

  /** Replaces the data, if nobody did since `change.version`. The time to live goes on. */
  update(id: string, change: SessionChange): Promise<UpdateOutcome>;

  /**
   * Ends a session; `undefined` when there was no live one. A driver whose store is away may answer
   * as if there was one, if it ends the session before it serves from that store again.
   */
  destroy(id: string): Promise<EndedSession | undefined>;

  /**
   * The live sessions of a user, in no order. Not atomic: one that ends meanwhile may be missing.
   */
  list(userId: string): Promise<readonly StoredSession[]>;

  /**
   * Ends every session that the user has at this moment, also those the index lost. Resolves to how
   * many live ones ended, by the index.
   */
  destroyAll(userId: string): Promise<number>;

  /** How many sessions are live, by the index. Not atomic. */
  count(): Promise<number>;
}

/** What an application keeps in a session: any plain object of values that have a binary form. */
export type SessionData = Readonly<Record<string, unknown>>;

/** What the client said it is: a name, or details such as `{ browser: 'Firefox' }`. */
export type SessionDevice = string | Readonly<Record<string, unknown>>;

/**
 * A live session as everybody may see it: there is no secret in it. A copy; changing it changes
 * nothing that is stored.
 */
export interface Session<Data extends SessionData = SessionData> {
  /** Public: may stand in lists, URLs and logs. Whoever knows it cannot use the session. */
  readonly id: string;
  /** `undefined` for what `put` stored. */
  readonly userId: string | undefined;
  readonly data: Data;
  readonly device: SessionDevice | undefined;
  readonly ip: string | undefined;
  readonly createdAt: Date;
  /** Last touch; behind the last request by up to `touchFraction` of the life. */
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

/** A new session, and the one time its secret is told. */
export interface CreatedSession<Data extends SessionData = SessionData> {
  readonly session: Session<Data>;
  /** What the client's cookie has to hold. Kept nowhere: it cannot be had again. */
  readonly cookieValue: string;
}

/** A session that a cookie opened. */
export interface Authentication<Data extends SessionData = SessionData> {
  readonly session: Session<Data>;
  /** Its life was renewed, so the cookie should be sent again. */
  readonly isRenewed: boolean;
}

import type { NewSession, SessionDriver } from '../../../src/modules/session/index.js';
import {
  createSecret,
  createSessionId,
  hashSecret,
  type SessionCredential,
  userKeyOf,
} from '../../../src/modules/session/session-id.js';
import type { FakeClock } from '../../../src/testing/index.js';

/** One driver without sessions, and the time it goes by. */
export interface SessionFixture {
  readonly driver: SessionDriver;
  readonly clock: FakeClock;
  dispose(): void;
}

export type OpenSessions = () => Promise<SessionFixture>;

/**
 * Life in the suites. Long, because keys in Redis expire in real time whatever clock is stepped: a
 * test has to be over before its sessions are.
 */
export const HOUR = 3_600_000;

/** Touches on every validation. */
export const EAGER = { touchPermille: 0 } as const;
/** Never touches within the life of a session. */
export const LAZY = { touchPermille: 1_001 } as const;

/** A session to create with the least that a test is about. */
export function newSession(given: Partial<NewSession> = {}): NewSession {
  const userId = given.userId ?? 'alice';
  return {
    id: createSessionId(userId),
    userId,
    secretHash: hashSecret(createSecret()),
    ttlMs: HOUR,
    origin: Buffer.from('origin'),
    data: Buffer.from('data'),
    ...given,
  };
}

/** What opens that session. */
export function credentialOf({ id, userId, secretHash }: NewSession): SessionCredential {
  return { id, userKey: userKeyOf(userId), secretHash };
}

/** Creates a session; resolves to what was asked for. */
export async function created(
  driver: SessionDriver,
  given: Partial<NewSession> = {},
): Promise<NewSession> {
  const session = newSession(given);
  expect(await driver.create(session)).toBeDefined();
  return session;
}

/** The ids that a driver lists for a user, sorted. */
export async function idsOf(driver: SessionDriver, userId: string): Promise<readonly string[]> {
  return (await driver.list(userId)).map(({ id }) => id).toSorted();
}

/** A fixture for each test of the surrounding suite. */
export function useFixture<T extends { dispose(): void }>(open: () => Promise<T>): () => T {
  let fixture: T | undefined;
  beforeEach(async () => {
    fixture = await open();
  });
  afterEach(() => fixture?.dispose());
  return () => {
    if (fixture === undefined) throw new Error('it only runs inside of tests');
    return fixture;
  };
}

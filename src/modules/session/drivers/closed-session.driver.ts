import type { SessionDriver } from '../session.driver.js';
import { SessionBackendDownError } from '../session.errors.js';

/** Refuses everything. The failure policy `closed`. */
export const closedSessions: SessionDriver = {
  create: refuse,
  put: refuse,
  get: refuse,
  validate: refuse,
  touch: refuse,
  update: refuse,
  destroy: refuse,
  list: refuse,
  destroyAll: refuse,
  count: refuse,
};

/**
 * Refuses all but what ends sessions, for callers that have recorded it: it happens before Redis is
 * asked again about those sessions, so it counts as done.
 */
export const closedButForEndings: SessionDriver = {
  ...closedSessions,
  destroy: async () => ({ userId: undefined }),
  destroyAll: async () => 0,
};

async function refuse(): Promise<never> {
  throw new SessionBackendDownError();
}

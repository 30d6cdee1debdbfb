import type { SessionDriver } from '../session.driver.js';
import { SessionBackendDownError } from '../session.errors.js';

/** Refuses everything. The failure policy `closed`. */
export class ClosedSessionDriver implements SessionDriver {
  readonly create = refuse;
  readonly put = refuse;
  readonly get = refuse;
  readonly validate = refuse;
  readonly touch = refuse;
  readonly update = refuse;
  readonly destroy = refuse;
  readonly list = refuse;
  readonly destroyAll = refuse;
  readonly count = refuse;
}

async function refuse(): Promise<never> {
  throw new SessionBackendDownError();
}

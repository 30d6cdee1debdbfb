import type { LockDriver, LockRelease } from '../lock.driver.js';
import { LockBackendDownError } from '../lock.errors.js';
import type { PendingReleases } from './pending-releases.js';

export interface ClosedLockDriverOptions {
  readonly pending: PendingReleases;
  /** Is Redis away, and not only slow with one call? */
  readonly isAway: () => boolean;
}

/** What answers while Redis is away and the policy is `closed`: an error, at once. */
export class ClosedLockDriver implements LockDriver {
  readonly #options: ClosedLockDriverOptions;

  constructor(options: ClosedLockDriverOptions) {
    this.#options = options;
  }

  async acquire(): Promise<never> {
    throw this.#down();
  }

  async acquireAll(): Promise<never> {
    throw this.#down();
  }

  async extend(): Promise<never> {
    throw this.#down();
  }

  async release(ref: LockRelease): Promise<never> {
    this.#options.pending.add(ref);
    throw this.#down();
  }

  async forceRelease(): Promise<never> {
    throw this.#down();
  }

  async list(): Promise<never> {
    throw this.#down();
  }

  #down(): LockBackendDownError {
    return new LockBackendDownError(this.#options.isAway() ? 'outage' : 'call');
  }
}

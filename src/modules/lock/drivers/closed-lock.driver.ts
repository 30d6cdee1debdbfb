import type { LockDriver, LockRef } from '../lock.driver.js';
import { LockBackendDownError } from '../lock.errors.js';
import type { PendingReleases } from './pending-releases.js';

/** What answers while Redis is away and the policy is `closed`: an error, at once. */
export class ClosedLockDriver implements LockDriver {
  readonly #pending: PendingReleases;

  constructor(pending: PendingReleases) {
    this.#pending = pending;
  }

  async acquire(): Promise<never> {
    throw new LockBackendDownError();
  }

  async extend(): Promise<never> {
    throw new LockBackendDownError();
  }

  async release(ref: LockRef): Promise<never> {
    this.#pending.add(ref);
    throw new LockBackendDownError();
  }

  async forceRelease(): Promise<never> {
    throw new LockBackendDownError();
  }

  async list(): Promise<never> {
    throw new LockBackendDownError();
  }
}

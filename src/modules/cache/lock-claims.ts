import { createHash } from 'node:crypto';
import {
  LockBackendDownError,
  type LockHandle,
  type LockService,
  LockWaitTimeoutError,
} from '../lock/index.js';
import type { LoadClaim, LoadClaims } from './engine/load-runner.js';

/** A process that dies while it loads holds the others up for so long. */
const CLAIM = { ttl: '5s', fence: false } as const;

/** Longer keys are hashed, so that with the prefix they are no longer than a lock's key may be. */
const MAX_READABLE_BYTES = 900;

/**
 * One load of a key at a time over all processes, by a lock without fence. Its name begins with
 * `cache-load`: who holds it must not ask the cache for that key.
 */
export class LockClaims implements LoadClaims {
  readonly #locks: LockService;

  constructor(locks: LockService) {
    this.#locks = locks;
  }

  /** Where locks cannot be had, each process loads for itself: a load too many does no harm. */
  async claim(key: string, waitMs: number): Promise<LoadClaim | undefined> {
    const name = claimKey(key);
    try {
      const free = await this.#locks.tryAcquire(name, CLAIM);
      if (free !== undefined) return claimOf(free, true);
      return claimOf(await this.#locks.acquire(name, { ...CLAIM, wait: waitMs }), false);
    } catch (error) {
      if (error instanceof LockBackendDownError || error instanceof LockWaitTimeoutError) {
        return undefined;
      }
      throw error;
    }
  }
}

function claimOf(lock: LockHandle, isFirst: boolean): LoadClaim {
  let isHeld = true;
  const release = (): void => {
    // Others find out what became of it by its time to live.
    if (isHeld) void lock.release().catch(() => undefined);
    isHeld = false;
  };
  return { isFirst, release };
}

function claimKey(key: string): string {
  if (Buffer.byteLength(key) <= MAX_READABLE_BYTES) return `cache-load:${key}`;
  return `cache-load-sha256:${createHash('sha256').update(key).digest('base64url')}`;
}

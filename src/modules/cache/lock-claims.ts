import { createHash } from 'node:crypto';
import { LockBackendDownError, type LockService, LockWaitTimeoutError } from '../lock/index.js';
import type { LoadClaim, LoadClaims } from './engine/load-runner.js';

/** A process that dies while it loads holds the others up for so long. */
const CLAIM_TTL = '5s';

/** Longer keys are hashed, so that with the prefix they are no longer than a lock's key may be. */
const MAX_READABLE_BYTES = 900;

/** One load of a key at a time over all processes, by a lock without fence. */
export class LockClaims implements LoadClaims {
  readonly #locks: LockService;

  constructor(locks: LockService) {
    this.#locks = locks;
  }

  /** Where locks cannot be had, each process loads for itself: a load too many does no harm. */
  async claim(key: string, waitMs: number): Promise<LoadClaim | undefined> {
    try {
      const lock = await this.#locks.acquire(claimKey(key), {
        ttl: CLAIM_TTL,
        wait: waitMs,
        fence: false,
      });
      // What became of it, others find out by its time to live.
      return { release: () => void lock.release().catch(() => undefined) };
    } catch (error) {
      if (error instanceof LockBackendDownError || error instanceof LockWaitTimeoutError) {
        return undefined;
      }
      throw error;
    }
  }
}

function claimKey(key: string): string {
  if (Buffer.byteLength(key) <= MAX_READABLE_BYTES) return `cache:${key}`;
  return `cache-sha256:${createHash('sha256').update(key).digest('base64url')}`;
}

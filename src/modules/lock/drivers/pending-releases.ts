import type { LockRelease } from '../lock.driver.js';
import { RedisUnavailableError } from '../../../common/redis/index.js';

export interface PendingReleasesOptions {
  /** Releases one on Redis. */
  readonly release: (ref: LockRelease) => Promise<unknown>;
  /** Is there any use in trying now? */
  readonly mayTry: () => boolean;
}

/** Kept at most; beyond it the oldest is left to expire by itself. */
const MAX_PENDING = 1_000;

/** Wait before the next try while Redis answers others. */
const RETRY_MS = 250;

/**
 * Holds on Redis that nobody wants any more and that could not be released: grants whose reply was
 * lost, and releases that did not get through. They are released as soon as Redis answers, instead
 * of standing in everybody's way until they expire. The token makes it safe: a hold of somebody
 * else is never touched.
 */
export class PendingReleases {
  readonly #options: PendingReleasesOptions;
  readonly #pending = new Map<string, LockRelease>();
  #timer: NodeJS.Timeout | undefined;
  #isFlushing = false;

  constructor(options: PendingReleasesOptions) {
    this.#options = options;
  }

  add({ key, token, permits, holdAtLeastMs }: LockRelease): void {
    this.#pending.set(token, { key, token, permits, holdAtLeastMs });
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
    this.#retryLater();
  }

  /**
   * Tries those of one key now, for somebody who is about to ask for it.
   *
   * @throws RedisUnavailableError when Redis does not answer; they stay pending
   */
  async hurry(key: string): Promise<void> {
    if (this.#pending.size === 0) return;
    const wanted = [...this.#pending.values()].filter((ref) => ref.key === key);
    await Promise.all(wanted.map((ref) => this.#release(ref)));
  }

  /** Tries all; called when Redis is back. Never rejects. */
  async flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      for (const ref of this.#pending.values()) await this.#release(ref);
    } catch {
      // Redis is away again; every other error is dealt with in #release.
      this.#retryLater();
    } finally {
      this.#isFlushing = false;
    }
  }

  async #release(ref: LockRelease): Promise<void> {
    try {
      await this.#options.release(ref);
    } catch (error) {
      if (error instanceof RedisUnavailableError) throw error;
      // Nobody waits for this, so nobody would catch it; the hold expires by itself.
      process.emitWarning(`A lock could not be released: ${String(error)}`, 'BackplaneLockWarning');
    }
    this.#pending.delete(ref.token);
  }

  /** While Redis is away, or after the shutdown, nothing is tried: its return calls `flush`. */
  #retryLater(): void {
    if (this.#timer !== undefined || !this.#options.mayTry()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#options.mayTry()) void this.flush();
    }, RETRY_MS).unref();
  }
}

/** The keys of one lock, all in one slot. */
export interface LockKeys {
  readonly lock: string;
  readonly fence: string;
  readonly queue: string;
  readonly waiters: string;
}

/** Those of a semaphore: `lock` has its holders. */
export interface SemaphoreKeys extends LockKeys {
  readonly permits: string;
}

/** What is known of the holders of a semaphore. */
export type HolderKeys = Pick<SemaphoreKeys, 'lock' | 'permits'>;

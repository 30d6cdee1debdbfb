import { AsyncLocalStorage } from 'node:async_hooks';
import type { LockHandle } from './lock-handle.js';

const current = new AsyncLocalStorage<LockHandle>();

/**
 * The lock under which the code runs: of the innermost `@Locked` or `withLock` around it. For methods
 * that `@Locked` wraps, which keep their own arguments.
 *
 * @example
 * @Locked('books', { ttl: '30s' })
 * async closeBooks(): Promise<void> {
 *   currentLock()?.assertHeld();
 * }
 */
export function currentLock(): LockHandle | undefined {
  return current.getStore();
}

/** Runs `work` with `lock` as the current one. */
export function underLock<T>(lock: LockHandle, work: (lock: LockHandle) => T): T {
  return current.run(lock, work, lock);
}

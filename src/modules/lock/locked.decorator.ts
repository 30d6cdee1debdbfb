import { wrapMethod } from '../../common/decorators/index.js';
import { type LockedOptions, type LockKey, resolveAcquire, resolveKeys } from './hold.options.js';
import { LockService } from './lock.service.js';

/**
 * Runs a method of any provider under a lock, as `withLock` does; the method becomes async. With the
 * mode `'skip'` and a busy lock it is not run, and the answer is `undefined`. In it, `currentLock()`
 * is the lock.
 *
 * @param key of the lock, or what makes it of the arguments; several are taken all or none
 * @example
 * @Locked((userId: string) => `import:${userId}`, { ttl: '5m', wait: '10s' })
 * async importTrades(userId: string): Promise<void> {}
 * @throws LockMisuseError at load time for a wrong key or option
 */
export function Locked<Args extends readonly unknown[]>(
  key: LockKey | ((...args: Args) => LockKey),
  options: LockedOptions,
): MethodDecorator {
  const terms = resolveAcquire(options);
  const keyOf = typeof key === 'function' ? key : constant(resolveKeys(key, terms));
  return wrapMethod<LockService>({
    decorator: '@Locked',
    token: LockService,
    wrap: (original, locksOf) =>
      async function locked(...args) {
        const locks = locksOf(this);
        return locks.withLock(keyOf(...(args as readonly unknown[] as Args)), options, () =>
          Reflect.apply(original, this, args),
        );
      },
  });
}

function constant(key: LockKey): () => LockKey {
  return () => key;
}

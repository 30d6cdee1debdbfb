import { wrapMethod } from '../../common/decorators/index.js';
import { checkKeyText } from '../../common/redis/index.js';
import { type LockedOptions, resolveLocked } from './lock.options.js';
import { LockService } from './lock.service.js';

/**
 * Runs a method of any provider under a lock, as `withLock` does; the method becomes async.
 *
 * @param key of the lock, or what makes it of the arguments
 * @example
 * @Locked((userId: string) => `import:${userId}`, { ttl: '5m', wait: '10s' })
 * async importTrades(userId: string): Promise<void> {}
 * @throws InvalidOptionError at load time for a wrong key, ttl or wait
 */
export function Locked<Args extends readonly unknown[]>(
  key: string | ((...args: Args) => string),
  options: LockedOptions,
): MethodDecorator {
  const resolved = resolveLocked(options);
  const keyOf = typeof key === 'function' ? key : constant(checkKeyText(key, '@Locked.key'));
  return wrapMethod<LockService>({
    decorator: '@Locked',
    token: LockService,
    wrap: (original, locksOf) =>
      async function locked(...args) {
        const locks = locksOf(this);
        return locks.withLock(keyOf(...(args as readonly unknown[] as Args)), resolved, () =>
          Reflect.apply(original, this, args),
        );
      },
  });
}

function constant(key: string): () => string {
  return () => key;
}

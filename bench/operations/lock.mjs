import assert from 'node:assert/strict';
import { LOCK_TTL_MS } from '../settings.mjs';

/**
 * Takes a lock that is free and gives it back.
 *
 * A slot has a key of its own, and takes the same one again: it could not, had it not been given
 * back.
 *
 * - `acquire(key, ttlMs)`: as the package's documentation shows it; resolves to the lock
 * - `tryAcquire(key, ttlMs)`: `undefined`, at once, when it is held
 * - `release(lock)`
 */
export function lockOperation({ acquire, tryAcquire, release }) {
  return {
    async prove() {
      const first = await tryAcquire('proof', LOCK_TTL_MS);
      assert.ok(first !== undefined, 'a free lock was refused');
      const second = await tryAcquire('proof', LOCK_TTL_MS);
      assert.equal(second, undefined, 'a held lock was granted again');
      await release(first);
      const third = await tryAcquire('proof', LOCK_TTL_MS);
      assert.ok(third !== undefined, 'a released lock was refused');
      await release(third);
    },
    async operate(slot) {
      await release(await acquire(`slot-${slot}`, LOCK_TTL_MS));
    },
  };
}

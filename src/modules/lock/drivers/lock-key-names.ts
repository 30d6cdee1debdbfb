import { decodePart, type KeySpace } from '../../../common/redis/index.js';
import { LOCK, LOCK_FENCE, LOCK_QUEUE, LOCK_RELEASED, LOCK_WAITERS } from '../lock.keys.js';
import type { LockKeys } from './scripts/lock-keys.js';

/** Braces around the tag in every key. */
const TAG = { start: '{', end: '}' };

/** Names of the Redis keys of locks. */
export class LockKeyNames {
  /** Matches the keys of held locks. */
  readonly pattern: string;
  readonly lock: (key: string) => string;
  readonly #fence: (key: string) => string;
  readonly #queue: (key: string) => string;
  readonly #waiters: (key: string) => string;
  readonly #keys: KeySpace;
  readonly #start: string;

  constructor(keys: KeySpace) {
    this.#keys = keys;
    this.lock = keys.keyer(LOCK);
    this.#fence = keys.keyer(LOCK_FENCE, 'fence');
    this.#queue = keys.keyer(LOCK_QUEUE, 'queue');
    this.#waiters = keys.keyer(LOCK_WAITERS, 'waiters');
    this.#start = `${keys.root(LOCK)}${TAG.start}`;
    this.pattern = `${this.#start}*${TAG.end}`;
  }

  all(key: string): LockKeys {
    return {
      lock: this.lock(key),
      fence: this.#fence(key),
      queue: this.#queue(key),
      waiters: this.#waiters(key),
    };
  }

  released(key: string, token: string): string {
    return this.#keys.key(LOCK_RELEASED, key, 'released', token);
  }

  /** The key of a held lock; empty for one that is not ours although it lies in our space. */
  decode(name: string): readonly string[] {
    const key = decodePart(name.slice(this.#start.length, -TAG.end.length));
    return key === undefined ? [] : [key];
  }
}

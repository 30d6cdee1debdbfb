import {
  decodePart,
  encodePart,
  type KeyFamily,
  type KeySpace,
} from '../../../common/redis/index.js';
import { LOCK, LOCK_FENCE, LOCK_PERMITS, LOCK_QUEUE, LOCK_WAITERS } from '../lock.keys.js';
import type { LockKeys, SemaphoreKeys } from './scripts/lock-keys.js';

/** Braces around the tag in every key. */
const TAG = { start: '{', end: '}' };

/** What follows the key of a lock in the others of its slot. */
const SUFFIX = {
  fence: suffixOf(LOCK_FENCE),
  queue: suffixOf(LOCK_QUEUE),
  waiters: suffixOf(LOCK_WAITERS),
  permits: suffixOf(LOCK_PERMITS),
  released: ':released:',
};

/** Names of the Redis keys of locks. */
export class LockKeyNames {
  /** Matches the keys of held locks. */
  readonly pattern: string;
  readonly lock: (key: string) => string;
  readonly #start: string;

  constructor(keys: KeySpace) {
    this.lock = keys.keyer(LOCK);
    this.#start = `${keys.root(LOCK)}${TAG.start}`;
    this.pattern = `${this.#start}*${TAG.end}`;
  }

  all(key: string): LockKeys {
    const lock = this.lock(key);
    return {
      lock,
      fence: lock + SUFFIX.fence,
      queue: lock + SUFFIX.queue,
      waiters: lock + SUFFIX.waiters,
    };
  }

  semaphore(key: string): SemaphoreKeys {
    const keys = this.all(key);
    return { ...keys, permits: keys.lock + SUFFIX.permits };
  }

  released(lock: string, token: string): string {
    return lock + SUFFIX.released + encodePart(token);
  }

  /** The key of a held lock; empty for one that is not ours although it lies in our space. */
  decode(name: string): readonly string[] {
    const key = decodePart(name.slice(this.#start.length, -TAG.end.length));
    return key === undefined ? [] : [key];
  }
}

function suffixOf({ layout }: KeyFamily): string {
  return layout.slice('{key}'.length);
}

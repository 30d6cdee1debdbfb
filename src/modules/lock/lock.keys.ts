import type { KeyFamily } from '../../common/redis/index.js';

/** One held lock; absent while nobody holds it. */
export const LOCK: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}',
  type: 'hash',
  ttl: 'the rest of the hold',
  evictable: false,
  purpose: 'Holder of a lock: token, owner, since (ms), fence',
};

/** Who holds permits of a semaphore, in place of the hash of a plain lock. */
export const LOCK_SEMAPHORE: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}',
  type: 'zset',
  ttl: 'the rest of the longest hold',
  evictable: false,
  purpose:
    'Tokens of the holders of a semaphore, or of a read/write lock, by the end of their hold (ms)',
};

/** What the holders of a semaphore took. Shares the slot of its lock. */
export const LOCK_PERMITS: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}:permits',
  type: 'hash',
  ttl: 'the rest of the longest hold',
  evictable: false,
  purpose:
    'Permits in use, and there are; of each holder: owner, permits, since (ms), fence; whose a fence is',
};

/** Keeps fences from going back where the server's clock does. Shares the slot of its lock. */
export const LOCK_FENCE: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}:fence',
  type: 'string',
  ttl: '1 day and the time to live of the latest hold, from its grant',
  evictable: true,
  purpose: 'Fence of the latest grant; the time takes its place where it is lost',
};

/** Lets a release whose reply was lost get the same answer again. Shares the slot of its lock. */
export const LOCK_RELEASED: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}:released:token',
  type: 'string',
  ttl: '10 seconds, at most the rest of the hold',
  evictable: true,
  purpose: 'Empty; says that this token released the lock',
};

/** Who waits for a lock, in order. Shares the slot of its lock. */
export const LOCK_QUEUE: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}:queue',
  type: 'zset',
  ttl: '2 seconds after a waiter was last heard of',
  evictable: true,
  purpose: 'Tokens of waiters by arrival (µs); they enter themselves again where it is lost',
};

/** What is known of those who wait for a lock. Shares the slot of its lock. */
export const LOCK_WAITERS: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}:waiters',
  type: 'hash',
  ttl: '2 seconds after a waiter was last heard of',
  evictable: true,
  purpose: 'What each waiter claims, by token; when its process was last heard of (ms), by channel',
};

import type { KeyFamily } from '../../common/redis/index.js';

/** One held lock; absent while nobody holds it. */
export const LOCK: KeyFamily = {
  module: 'lock',
  version: 1,
  layout: '{key}',
  type: 'hash',
  ttl: 'the rest of the hold',
  evictable: false,
  purpose: 'Holder of a lock: token, owner, since (ms)',
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

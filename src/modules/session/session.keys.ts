import type { KeyFamily } from '../../common/redis/index.js';

/** All families share a slot for one user: the tag is the user's bucket, 12 bits of a hash. */
const FAMILY = { module: 'session', version: 1, evictable: false } as const;

export const SESSION_RECORD: KeyFamily = {
  ...FAMILY,
  layout: '{bucket}:session:id',
  type: 'hash',
  ttl: 'the rest of the session',
  purpose: 'One session: user, SHA-256 of the secret, generation, times, origin and data',
};

export const SESSION_GENERATION: KeyFamily = {
  ...FAMILY,
  layout: '{bucket}:generation:user',
  type: 'string',
  ttl: 'at least the longest session of the user',
  purpose: 'What a session of the user must carry to be valid; without it none is',
};

export const SESSION_INDEX: KeyFamily = {
  ...FAMILY,
  layout: '{bucket}:user:user',
  type: 'zset',
  ttl: 'at least the longest session of the user',
  purpose: 'Ids of the sessions of a user by expiry',
};

export const SESSION_LIVE: KeyFamily = {
  ...FAMILY,
  layout: '{bucket}:live',
  type: 'zset',
  ttl: 'at least the longest session of the bucket',
  purpose: 'Ids of all sessions of a bucket by expiry, to count them',
};

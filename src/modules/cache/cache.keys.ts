import type { KeyFamily } from '../../common/redis/index.js';

/**
 * In order: kind (1 byte), revision (8), id of the clocks (8), epoch (8) and end (8) as doubles,
 * number of slots (2), length of the tags (4), slots (2 each), tags (encoded, parted by blanks),
 * bytes. A marker of loads has the first two, and a byte more for each load but the first.
 */
export const CACHE_ENTRY: KeyFamily = {
  module: 'cache',
  version: 2,
  layout: '{key}',
  type: 'string',
  ttl: 'the time to live of the entry; 10 minutes more where it is being loaded',
  evictable: true,
  purpose: 'One cached value with its tags and the moment of its load, or the marker of a load',
};

/**
 * `id` (random: made with the hash), `epoch`, and for each slot that was purged the epoch at which
 * that was: `h<slot>` hard, `s<slot>` soft. A tag belongs to one of 65,535 slots by its hash, slot 0
 * is everything; an entry that shares nothing but a slot goes with the others.
 */
export const CACHE_CLOCKS: KeyFamily = {
  module: 'cache',
  version: 2,
  layout: '{tags}:clocks',
  type: 'hash',
  ttl: 'a day or two longer than the longest entry',
  evictable: true,
  purpose: 'When tags were purged; without it every entry counts as purged',
};

export const CACHE_MANAGER_ENTRY: KeyFamily = {
  module: 'cache-manager',
  version: 1,
  layout: '{key}',
  type: 'string',
  ttl: 'the time to live of the entry',
  evictable: true,
  purpose: 'One value stored through the CACHE_MANAGER token, as Keyv writes it',
};

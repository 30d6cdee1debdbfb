import type { KeyFamily } from '../../common/redis/index.js';

export const CACHE_ENTRY: KeyFamily = {
  module: 'cache',
  version: 1,
  layout: '{key}',
  type: 'string',
  ttl: 'the time to live of the entry',
  evictable: true,
  purpose: 'One cached value: envelope byte and MessagePack, deflated above a threshold',
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

import type { KeyFamily } from '../../common/redis/index.js';

/** One counter. All counters of a subject share a slot, so that one script decides over them. */
export const THROTTLE_COUNTER: KeyFamily = {
  module: 'throttle',
  version: 1,
  layout: '{subject}:policy:strategy',
  type: 'string',
  ttl: 'the rest of the window',
  evictable: false,
  purpose: 'fixed-window: string "start:count"; sliding-window: list with the time of each hit',
};

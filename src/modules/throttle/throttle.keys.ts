import type { KeyFamily } from '../../common/redis/index.js';

/** One counter. All counters of a subject share a slot, so that one script decides over them. */
export const THROTTLE_COUNTER: KeyFamily = {
  module: 'throttle',
  version: 1,
  layout: '{subject}:policy:strategy',
  type: 'string',
  ttl: 'until nothing of it counts any more',
  evictable: false,
  purpose:
    'sliding-window, concurrency: list with the time of each hit; else a string: fixed-window "start:used", ' +
    'sliding-window-counter "start:previous:current", token-bucket and gcra "full:part:at"',
};

/** A block, beside its counter. */
export const THROTTLE_BLOCK: KeyFamily = {
  module: 'throttle',
  version: 1,
  layout: '{subject}:policy:strategy:block',
  type: 'string',
  ttl: 'its length, and as long again or the window to remember how many there were',
  evictable: false,
  purpose: 'Who went over a limit with a `block`: "until:length:level", in ms and blocks in a row',
};

/** The instances of the application, of which each has its share while Redis is away. */
export const THROTTLE_INSTANCES: KeyFamily = {
  module: 'throttle',
  version: 1,
  layout: '{instances}',
  type: 'zset',
  ttl: 'three heartbeats (15 seconds)',
  evictable: true,
  purpose: 'Random ids of the running instances by the time of their last heartbeat, in ms',
};

/** What each instance told of those it denied most. */
export const THROTTLE_OFFENDERS: KeyFamily = {
  module: 'throttle',
  version: 1,
  layout: '{offenders}',
  type: 'hash',
  ttl: '10 minutes after the last of it was told',
  evictable: true,
  purpose: 'By instance the subjects it denied most: JSON, at most 100 of an instance',
};

/** When each instance told it. */
export const THROTTLE_OFFENDERS_TIMES: KeyFamily = {
  module: 'throttle',
  version: 1,
  layout: '{offenders}:times',
  type: 'zset',
  ttl: '10 minutes after the last of it was told',
  evictable: true,
  purpose:
    'Random ids of the instances that told whom they denied most, by the time they did, in ms',
};

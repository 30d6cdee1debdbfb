import type { KeyFamily } from '../../common/redis/index.js';

/**
 * Everything BullMQ keeps of one queue. The key of the family is BullMQ's `prefix`; BullMQ appends
 * `:<queue>:<part>` itself, so that all of a queue lies in one slot of a cluster.
 */
export const QUEUE_DATA: KeyFamily = {
  module: 'queue',
  version: 1,
  layout: '{queue}:queue:part',
  type: 'hash',
  ttl: 'none: kept until completed or failed jobs fall out of their retention',
  evictable: false,
  purpose:
    'BullMQ: one hash a job, lists and sorted sets of job ids for each state, a stream of events',
};

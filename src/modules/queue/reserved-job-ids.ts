/**
 * What BullMQ calls its own keys of a queue (class `QueueKeys`). A job is kept under
 * `<prefix>:<queue>:<id>`, so one of such an id would lie in, or be taken for, such a key.
 */
const RESERVED = new Set([
  'active',
  'wait',
  'waiting-children',
  'paused',
  'id',
  'delayed',
  'prioritized',
  'stalled-check',
  'completed',
  'failed',
  'stalled',
  'repeat',
  'limiter',
  'meta',
  'events',
  'pc',
  'marker',
  'de',
]);

/** No job can have this id. */
export function isReservedJobId(id: string): boolean {
  return RESERVED.has(id);
}

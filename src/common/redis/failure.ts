import { DeadlineExceeded } from './deadline.js';
import type { UnavailableReason } from './redis.errors.js';

/** Error replies with which a server says that it cannot serve now, whatever the command was. */
const REFUSALS = new Set([
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BUSY',
  'MISCONF',
  'NOREPLICAS',
  'OOM',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
]);

/**
 * Sorts an error of a Redis call: a reason when Redis is unavailable, `undefined` when the server is
 * well and the command itself was wrong (a bug to be thrown as it is).
 */
export function unavailableReason(error: unknown): UnavailableReason | undefined {
  if (error instanceof DeadlineExceeded) return 'deadline';
  if (!(error instanceof Error)) return undefined;
  if (error.name !== 'ReplyError') return 'connection';
  const [word = ''] = error.message.split(' ', 1);
  return REFUSALS.has(word) || nestedRefusal(error.message) ? 'refused' : undefined;
}

/** Redis 6.2 reports an error inside a script as `ERR Error running script … -OOM command …`. */
function nestedRefusal(message: string): boolean {
  const nested = /@user_script:\s?\d+: (?:-)?([A-Z]+) /.exec(message);
  return nested?.[1] !== undefined && REFUSALS.has(nested[1]);
}

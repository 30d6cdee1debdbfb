import { BackplaneError } from '../errors/index.js';
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

/** Errors of the language: a fault in our code, never a state of Redis. */
const PROGRAMMING_ERRORS = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

/**
 * Sorts an error of a Redis call: a reason when Redis is unavailable, `undefined` when the server is
 * well and the call itself was wrong (a bug to be thrown as it is).
 */
export function unavailableReason(error: unknown): UnavailableReason | undefined {
  if (error instanceof DeadlineExceeded) return 'deadline';
  if (error instanceof BackplaneError || !isError(error)) return undefined;
  if (PROGRAMMING_ERRORS.has(error.name)) return undefined;
  if (error.name !== 'ReplyError') return 'connection';
  const [word = ''] = error.message.split(' ', 1);
  return REFUSALS.has(word) || nestedRefusal(error.message) ? 'refused' : undefined;
}

/** By shape: an error of Node's own may come from another realm than this code. */
function isError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}

/** Redis 6.2 reports an error inside a script as `ERR Error running script … -OOM command …`. */
function nestedRefusal(message: string): boolean {
  const nested = /@user_script:\s?\d+: (?:-)?([A-Z]+) /.exec(message);
  return nested?.[1] !== undefined && REFUSALS.has(nested[1]);
}

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
 * Sorts an error of a Redis call: a reason when Redis is unavailable, `undefined` when the server
 * is well and the call itself was wrong (a bug to be thrown as it is).
 */
export function unavailableReason(error: unknown): UnavailableReason | undefined {
  if (error instanceof DeadlineExceeded) return 'deadline';
  if (error instanceof BackplaneError || !isError(error)) return undefined;
  if (PROGRAMMING_ERRORS.has(error.name)) return undefined;
  if (error.name !== 'ReplyError') return 'connection';
  return refusalOf(error) === undefined ? undefined : 'refused';
}

/** One word for people: what the server refuses with, such as `NOREPLICAS`, or else the reason. */
export function failureWord(error: unknown): string {
  const reason = unavailableReason(error);
  return (reason === 'refused' && isError(error) ? refusalOf(error) : reason) ?? 'error';
}

function refusalOf({ message }: Error): string | undefined {
  const [word = ''] = message.split(' ', 1);
  return REFUSALS.has(word) ? word : nestedRefusal(message);
}

/** By shape: an error of Node's own may come from another realm than this code. */
function isError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}

/** Redis 6.2 reports an error inside a script as `ERR Error running script … -OOM command …`. */
function nestedRefusal(message: string): string | undefined {
  const [, word] = /@user_script:\s?\d+: (?:-)?([A-Z]+) /.exec(message) ?? [];
  return word !== undefined && REFUSALS.has(word) ? word : undefined;
}

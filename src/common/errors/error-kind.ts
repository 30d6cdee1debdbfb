import type { BackplaneError, ErrorCode, ErrorKind } from './backplane.error.js';

/**
 * Codes are named alike in all modules, so their endings tell: `E_LOCK_BUSY`,
 * `E_QUEUE_BACKEND_DOWN`.
 */
const KIND_OF_ENDING: Readonly<Record<string, ErrorKind>> = {
  _TOO_LARGE: 'invalid',
  _BUSY: 'conflict',
  _CONFLICT: 'conflict',
  _TAKEN: 'conflict',
  _WAIT_TIMEOUT: 'conflict',
  _LOST: 'conflict',
  _UNAVAILABLE: 'unavailable',
  _BACKEND_DOWN: 'unavailable',
  _CLOSED: 'unavailable',
  _FULL: 'unavailable',
  _UNKNOWN: 'absent',
};

/** The error's own `kind`, or what the ending of its code says; `internal` where neither does. */
export function errorKind({ kind, code }: BackplaneError): ErrorKind {
  return kind ?? kindOf(code) ?? 'internal';
}

function kindOf(code: ErrorCode): ErrorKind | undefined {
  return Object.entries(KIND_OF_ENDING).find(([ending]) => code.endsWith(ending))?.[1];
}

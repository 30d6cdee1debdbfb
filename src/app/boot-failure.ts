import { BackplaneError } from '../common/errors/index.js';

/** What is printed when the boot fails: one line for a wrong setting, the stack for a fault of ours. */
export function bootFailure(error: unknown): string {
  if (error instanceof BackplaneError) return error.message;
  const stack: unknown = typeof error === 'object' && error !== null && Reflect.get(error, 'stack');
  return typeof stack === 'string' ? stack : String(error);
}

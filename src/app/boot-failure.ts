import { BackplaneError } from '../common/errors/index.js';

/**
 * What is printed when the boot fails: one line for what the operator has to change, such as a
 * wrong setting or a port that is taken; the stack for a fault of ours.
 */
export function bootFailure(error: unknown): string {
  if (error instanceof BackplaneError) return error.message;
  if (typeof error !== 'object' || error === null) return String(error);
  // By shape: Node's own errors may come from another realm than this code.
  const read = (field: string): unknown => Reflect.get(error, field);
  if (read('syscall') === 'listen') return `${String(read('message'))}. Set PORT or HOST.`;
  return String(read('stack') ?? error);
}

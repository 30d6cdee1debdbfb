/**
 * The `code` of an error: a number from BullMQ's scripts, a text from Node and node-postgres. By
 * shape, because an error of Node's own may come from another realm than this code.
 */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
}

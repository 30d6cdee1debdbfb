import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../../common/errors/index.js';

/** Longer lists of arguments are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/**
 * A key for a call with these arguments. Equal data gives equal keys, whatever the order of
 * properties; different data gives different keys.
 *
 * @throws InvalidOptionError when an argument is not plain data, because two different ones could
 * then get the same key
 */
export function argumentsKey(method: string, args: readonly unknown[]): string {
  const text = canonical(args, method);
  if (text.length <= MAX_READABLE) return `${method}:${text}`;
  return `${method}:${createHash('sha256').update(text).digest('base64url')}`;
}

function canonical(value: unknown, method: string): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, method)).join(',')}]`;
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (isPrimitive(value)) return JSON.stringify(value) ?? 'undefined';
  if (!isPlainObject(value)) {
    throw new InvalidOptionError(
      `${method}.key`,
      'is needed, because an argument is not plain data; give a key function',
    );
  }
  const entries = Object.keys(value)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name], method)}`);
  return `{${entries.join(',')}}`;
}

function isPrimitive(value: unknown): boolean {
  return value === null || ['string', 'boolean', 'undefined'].includes(typeof value);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.getOwnPropertySymbols(value).length === 0;
}

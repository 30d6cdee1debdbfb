import { createHash } from 'node:crypto';
import { InvalidOptionError } from '../../common/errors/index.js';

/** Longer lists of arguments are hashed, to stay below the longest key. */
const MAX_READABLE = 200;

/**
 * A key for a call with these arguments. Equal data gives equal keys, whatever the order of
 * properties; different data gives different keys.
 *
 * @throws InvalidOptionError when an argument is not plain data or holds itself, because two different
 * ones could then get the same key
 */
export function argumentsKey(method: string, args: readonly unknown[]): string {
  const text = canonical(args, { method, inside: [] });
  if (text.length <= MAX_READABLE) return `${method}:${text}`;
  return `${method}:${createHash('sha256').update(text).digest('base64url')}`;
}

interface Place {
  readonly method: string;
  /** The arrays and objects the value is in. */
  readonly inside: readonly object[];
}

function canonical(value: unknown, place: Place): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (isPrimitive(value)) return JSON.stringify(value) ?? 'undefined';
  const isContainer = Array.isArray(value) || isPlainObject(value);
  if (!isContainer || place.inside.includes(value)) {
    throw new InvalidOptionError(
      `${place.method}.key`,
      'is needed, because an argument is not plain data; give a key function',
    );
  }
  const within = { ...place, inside: [...place.inside, value] };
  // `from`, because `map` leaves the holes of an array out.
  if (Array.isArray(value))
    return `[${Array.from(value, (item) => canonical(item, within)).join()}]`;
  const entries = Object.keys(value)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name], within)}`);
  return `{${entries.join()}}`;
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

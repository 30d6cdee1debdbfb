import { InvalidOptionError } from '../../common/errors/index.js';
import { encodePart } from '../../common/redis/index.js';

declare const VALUE: unique symbol;

/** A key whose entries hold values of type `T`. Any text serves where the type is of no interest. */
export type CacheKey<T = unknown> = string & { readonly [VALUE]?: T };

/** Part of a key: texts that look like numbers, and those numbers, are the same. */
export type CacheKeyPart = string | number | bigint | boolean;

/**
 * Makes keys of a kind, `<namespace>:<part>:…`. Injective: different parts, whatever characters they
 * hold, never come to the same key. The namespace is what `clear({ namespace })` takes; a key without
 * parts, `<namespace>:`, belongs to it too.
 *
 * @typeParam T what is kept under such a key; `get` and `getOrSet` know it then
 * @example
 * const userKey = defineCacheKey<User, [id: number]>('user');
 * const user = await cache.get(userKey(42)); // User | undefined, under 'user:42'
 * @throws InvalidOptionError for a namespace that is empty, longer than 100 characters or holds a colon
 */
export function defineCacheKey<T, Parts extends readonly CacheKeyPart[] = readonly CacheKeyPart[]>(
  namespace: string,
): (...parts: Parts) => CacheKey<T> {
  const prefix = nameOf(namespace, 'namespace');
  return (...parts) => `${prefix}:${parts.map(partOf).join(':')}`;
}

/** An empty text is not no part at all; no other one comes to a single `%`. */
function partOf(part: CacheKeyPart): string {
  return part === '' ? '%' : encodePart(String(part));
}

/** The same for tags: `<name>:<part>:…`, for `tags` and `invalidateTags`. */
export function defineCacheTag<Parts extends readonly CacheKeyPart[] = readonly CacheKeyPart[]>(
  name: string,
): (...parts: Parts) => string {
  return defineCacheKey<unknown, Parts>(name);
}

function nameOf(name: string, option: string): string {
  if (name !== '' && name.length <= 100 && !name.includes(':')) return name;
  throw new InvalidOptionError(option, 'must be a text of 1 to 100 characters without a colon');
}
